/**
 * What runs inside a test process: every file given as an argument becomes one suite of node:test.
 *
 * The runner of `node --test` is not used, because with its isolation off a file that throws while
 * it loads passes unnoticed, and a hook at the top of one file runs around the tests of all others.
 * Inside a suite both stay where they belong.
 */
import { suite } from 'node:test'
import { pathToFileURL } from 'node:url'

for (const file of process.argv.slice(2)) {
  suite(file, async () => {
    await import(pathToFileURL(file).href)
  })
}
