/** Real processes on a real disk: killed at random instants, or at the end of their disk space. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { createSeededRandom } from '@settee/kit'
import { createFileJournal } from './file-journal.ts'
import type { JournalOwner } from './journal.ts'

const childFile = path.join(import.meta.dirname, '../test/append-until-killed.ts')

async function createDir(t: TestContext): Promise<string> {
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'settee-kill-'))
  t.after(() => fs.rm(dir, { recursive: true }))
  return dir
}

test('kill -9 at random instants loses nothing that was reported durable', async (t) => {
  const dir = await createDir(t)
  const random = createSeededRandom(11)
  let durable = 0
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, [childFile, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    // Killed after some number of flushes, a few times while it still recovers.
    let lines = 1 + (random.below(4) === 0 ? 0 : random.below(300))
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      lines -= String(chunk).split('\n').length - 1
      if (lines <= 0) child.kill('SIGKILL')
    }
    assert.deepEqual(await exited, [null, 'SIGKILL'])
    const reports = text.split('\n').slice(0, -1)
    const recovered = Number(/^R (\d+)$/.exec(reports[0]!)![1])
    assert.ok(recovered >= durable, `round ${round}: ${recovered} recovered, ${durable} durable`)
    durable = reports.length > 1 ? Number(reports.at(-1)) : recovered
  }
  assert.ok(durable > 1000)
})

const silent: JournalOwner = {
  onSnapshot: () => undefined,
  onRecord: () => undefined,
  onDurable: () => undefined,
  onFailed: (error) => assert.fail(error),
}

test('a real limit of the file size (EFBIG) makes the journal full, not failed', async (t) => {
  const dir = await createDir(t)
  const options = { dir, segmentBytes: 2 ** 16, maxRecordBytes: 1000 }
  const journal = createFileJournal(options)
  await journal.open(silent)
  journal.append(Buffer.from('first'))
  await journal.close()
  // The first segment is in use; the next, which is made ahead of need, would be larger than the
  // process may write. Not all of its room is taken meanwhile, so that a reserve is left.
  const script = `
    import { createFileJournal } from '@settee/journal'
    const journal = createFileJournal({ ...${JSON.stringify(options)}, segmentBytes: ${2 ** 18} })
    const nothing = () => undefined
    const owner = { onSnapshot: nothing, onRecord: nothing, onDurable: nothing, onFailed: nothing }
    await journal.open(owner)
    const code = (options) => {
      try { journal.append(new Uint8Array(1000), options) } catch (error) { return error.code }
    }
    for (let count = 0; journal.stats().state === 'open'; count++) {
      if (count < 40) code()
      await new Promise(setImmediate)
    }
    const before = journal.stats().lastIndex
    const { state } = journal.stats()
    console.log(state, code(), code({ reserve: true }), journal.stats().lastIndex - before)
    await journal.close()
    process.exit()`
  const node = `"${process.execPath}" --conditions=@settee/source --input-type=module`
  const child = spawn('sh', ['-c', `ulimit -f 256 && exec ${node}`], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(script)
  const output = Buffer.concat(await child.stdout.toArray()).toString()
  assert.equal(output.trim(), 'full SETTEE_JOURNAL_FULL undefined 1')
})
