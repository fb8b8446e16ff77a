/**
 * `npm test [-- PATH...]`: finds the tests, runs them and ends with `N passed, N failed`.
 *
 * Tests beside the code share one process, which is 40 times faster than a process each. Tests in a
 * `test/` folder are scenarios that kill, fork and fill disks: each gets a process of its own.
 * `--integration` runs the `*.integration.test.ts` files instead, which need more than npm.
 */
import { globSync } from 'node:fs'
import { sep } from 'node:path'
import { parseArgs } from 'node:util'
import {
  defaultLimits,
  runTestFiles,
  type FileResult,
  type TestLimits,
} from './testing/test-run.ts'
import { rootDirectory } from './tool.ts'

/** Test processes at a time: two keep a small machine busy, more make timing tests lie. */
const processLimit = 2

/** A test beside the code is quick; 5 minutes are for scenarios. */
const sharedLimits: TestLimits = { ...defaultLimits, silenceMs: 90_000 }

const { values: flags, positionals: filters } = parseArgs({
  options: { integration: { type: 'boolean', default: false } },
  allowPositionals: true,
})

const files = findTestFiles()
const ownProcess = files.filter((file) => flags.integration || isScenario(file))
const shared = files.filter((file) => !ownProcess.includes(file))
const results = [
  ...(await runTestFiles(shared, printProgress, sharedLimits)),
  ...(await runEach(ownProcess)),
]
process.exitCode = summarize(results)

function findTestFiles(): string[] {
  const found = globSync('{packages,examples}/*/{src,test,web}/**/*.test.ts', {
    cwd: rootDirectory,
  })
  found.push(...globSync('{bench,scripts,interop,sim}/**/*.test.ts', { cwd: rootDirectory }))
  return found
    .map((file) => file.replaceAll(sep, '/'))
    .filter((file) => !file.includes('/node_modules/'))
    .filter((file) => file.endsWith('.integration.test.ts') === flags.integration)
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .toSorted()
}

function isScenario(file: string): boolean {
  return file.includes('/test/')
}

async function runEach(each: readonly string[]): Promise<readonly FileResult[]> {
  const waiting = [...each]
  const done: FileResult[] = []
  async function work(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      done.push(...(await runTestFiles([file], printProgress)))
    }
  }
  await Promise.all(Array.from({ length: processLimit }, work))
  return done
}

function printProgress(result: FileResult): void {
  const mark = result.failed === 0 ? 'ok  ' : 'FAIL'
  const count = String(result.passed + result.failed).padStart(5)
  const seconds = (result.durationMs / 1000).toFixed(2).padStart(7)
  console.log(`${mark} ${count} tests ${seconds} s  ${result.file}`)
}

/** Prints the failures and the closing line; returns the exit code. */
function summarize(all: readonly FileResult[]): number {
  const passed = all.reduce((sum, result) => sum + result.passed, 0)
  const failed = all.reduce((sum, result) => sum + result.failed, 0)
  const skipped = all.reduce((sum, result) => sum + result.skipped, 0)
  for (const report of all.flatMap((result) => result.reports)) console.log(`\nFAIL ${report}`)
  if (all.length === 0) console.log(`no test file matches ${filters.join(' ') || 'at all'}`)
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed > 0 || passed === 0 ? 1 : 0
}
