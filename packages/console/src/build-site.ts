/**
 * Builds the site into the directory given as the only argument. Runs as a process of its own, see
 * `build-console.ts`; exits with 1 and the reason on stderr.
 */
import { join } from 'node:path'
import react from '@vitejs/plugin-react'
import { build } from 'vite'

const [outDir] = process.argv.slice(2)
if (outDir === undefined) throw new Error('usage: build-site.ts DIRECTORY')

try {
  await build({
    root: join(import.meta.dirname, '..', 'web'),
    // Relative addresses, so that the site also works behind a path prefix.
    base: './',
    configFile: false,
    logLevel: 'error',
    plugins: [react()],
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      chunkSizeWarningLimit: 1_000,
      rolldownOptions: { output: { codeSplitting: { groups: chunkGroups() } } },
    },
  })
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}

/** What changes only with its version stays cached when our own code changes. */
function chunkGroups(): { name: string; test: RegExp }[] {
  return [{ name: 'react', test: /node_modules[\\/](react|react-dom|scheduler|@tanstack)[\\/]/ }]
}
