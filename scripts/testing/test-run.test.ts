import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runTestFiles, type FileResult } from './test-run.ts'

const limits = { silenceMs: 1500, exitMs: 300 }

async function runSources(...sources: readonly string[]): Promise<readonly FileResult[]> {
  const directory = await mkdtemp(join(tmpdir(), 'settee-test-run-'))
  const header = "import { before, describe, test } from 'node:test'\n"
  try {
    const files = sources.map((_, index) => join(directory, `file-${index}.mts`))
    await Promise.all(files.map((file, index) => writeFile(file, header + sources[index])))
    return await runTestFiles(files, () => {}, limits)
  } finally {
    await rm(directory, { recursive: true })
  }
}

function countsOf(results: readonly FileResult[]): number[][] {
  return results.map(({ passed, failed, skipped }) => [passed, failed, skipped])
}

test('tests are counted by file, suites and parents of failed subtests are not', async () => {
  const results = await runSources(
    `test('one', () => {}); describe('group', () => test('two', () => {}))`,
    `test('parent', async (t) => { await t.test('child', () => { throw new Error('boom') }) })
     test('later', { skip: true }, () => {})`,
  )
  assert.deepEqual(countsOf(results), [
    [2, 0, 0],
    [0, 1, 1],
  ])
  assert.match(results[1]!.reports[0]!, /file-1\.mts > parent > child\n\s+Error: boom/)
})

test('a file that throws on loading fails, even behind tests, and spares the others', async () => {
  const results = await runSources(
    `test('fine', () => {}); throw new Error('broken file')`,
    `test('one', () => {})`,
  )
  assert.ok(results[0]!.failed > 0)
  assert.match(results[0]!.reports[0]!, /broken file/)
  assert.deepEqual(countsOf(results)[1], [1, 0, 0])
})

test('a failed hook fails its tests', async () => {
  const [result] = await runSources(
    `describe('group', () => {
      before(() => { throw new Error('no hook') })
      test('a', () => {})
    })`,
  )
  assert.equal(result!.passed, 0)
  assert.ok(result!.failed > 0)
  assert.match(result!.reports.join('\n'), /no hook/)
})

test('a file without a test fails', async () => {
  const [result] = await runSources('')
  assert.deepEqual(countsOf([result!]), [[0, 1, 0]])
  assert.match(result!.reports[0]!, /defines no test/)
})

test('a test that ends the process fails, and the files behind it run in a new one', async () => {
  const results = await runSources(
    `test('before', () => {})`,
    `test('exits', () => new Promise(() => setTimeout(() => process.exit(0), 10)))`,
    `test('behind', () => {})`,
  )
  assert.deepEqual(countsOf(results), [
    [1, 0, 0],
    [0, 1, 0],
    [1, 0, 0],
  ])
  assert.match(results[1]!.reports[0]!, /> exits\n\s+.* ended early \(exit code 0\)/)
})

test('a file that ends the process while it loads fails alone', async () => {
  const results = await runSources(`test('fine', () => {})`, `process.exit(3)`)
  assert.deepEqual(countsOf(results), [
    [1, 0, 0],
    [0, 1, 0],
  ])
  assert.match(results[1]!.reports[0]!, /ended early \(exit code 3\)/)
})

test('a process that ends with an error after its tests fails', async () => {
  const [result] = await runSources(
    `test('a', () => {}); process.on('exit', () => { process.exitCode = 9 })`,
  )
  assert.deepEqual(countsOf([result!]), [[1, 1, 0]])
  assert.match(result!.reports[0]!, /ended early \(exit code 9\)/)
})

test('a hanging test is killed after the silence limit and named', async () => {
  const [result] = await runSources(
    `test('hangs', () => new Promise(() => setInterval(() => {}, 99)))`,
  )
  assert.deepEqual(countsOf([result!]), [[0, 1, 0]])
  assert.match(result!.reports[0]!, /> hangs\n\s+no test ended within 1\.5 s while this ran/)
})

test('a process that something keeps alive fails', async () => {
  const [result] = await runSources(`test('leaks', () => { setInterval(() => {}, 99) })`)
  assert.deepEqual(countsOf([result!]), [[1, 1, 0]])
  assert.match(result!.reports[0]!, /did not end within 0\.3 s/)
})
