#!/usr/bin/env node
// Starts the command: the built one where the package is installed, the TypeScript sources in a
// checkout, whose .npmrc sets the condition that `#bin` is resolved by. Plain JavaScript that old
// versions of Node can read as well, because they must be told what is wrong.
const oldest = 24
const [major] = process.versions.node.split('.')

if (Number(major) < oldest) {
  say(
    `Settee needs Node ${oldest} or later, but this is ${process.versions.node}; ` +
      'install a newer one from https://nodejs.org and try again',
  )
} else {
  import('#bin').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.url).endsWith('/dist/bin.js')) {
      throw error
    }
    say('this checkout is not built; run the command with npx in the checkout, or npm run build')
  })
}

function say(sentence) {
  process.stderr.write(`settee: ${sentence}\n`)
  process.exitCode = 1
}
