import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { lockDir } from './dir-lock.ts'

async function createDir(t: TestContext): Promise<string> {
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'settee-lock-'))
  t.after(() => fs.rm(dir, { recursive: true }))
  return dir
}

/** The content of the lock that this process would write. */
async function ownLock(dir: string): Promise<{ pid: number; started: string; boot: string }> {
  const unlock = await lockDir(dir)
  const names = await fs.readdir(dir)
  const content = await fs.readFile(path.join(dir, names[0]!), 'utf8')
  await unlock()
  return JSON.parse(content) as { pid: number; started: string; boot: string }
}

test('a directory in use is refused in one sentence with it and its process id', async (t) => {
  const dir = await createDir(t)
  const unlock = await lockDir(dir)
  await assert.rejects(lockDir(dir), {
    code: 'SETTEE_JOURNAL_LOCKED',
    message:
      `the journal directory ${dir} is in use by process ${process.pid}; ` +
      'stop that process or choose another directory',
  })
  await unlock()
  assert.deepEqual(await fs.readdir(dir), [])
  await (
    await lockDir(dir)
  )()
})

test('a process that was killed loses its lock', async (t) => {
  const dir = await createDir(t)
  const holder = spawn('sleep', ['60'])
  const { boot } = await ownLock(dir)
  const stat = await fs.readFile(`/proc/${holder.pid}/stat`, 'utf8')
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  await fs.writeFile(path.join(dir, 'lock-1'), JSON.stringify({ pid: holder.pid, started, boot }))
  await assert.rejects(lockDir(dir), { code: 'SETTEE_JOURNAL_LOCKED' })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  const unlock = await lockDir(dir)
  assert.deepEqual(await fs.readdir(dir), ['lock-2'])
  await unlock()
})

const stale: readonly [string, (self: object) => string][] = [
  ['of another process with the same id', (self) => JSON.stringify({ ...self, started: '1' })],
  ['from before the last boot', (self) => JSON.stringify({ ...self, boot: 'another' })],
  ['that lost its content with the power', () => ''],
  ['with bytes that are no lock', () => '{"pid":-1}'],
]

for (const [name, contentOf] of stale) {
  test(`a lock ${name} is taken over`, async (t) => {
    const dir = await createDir(t)
    const self = await ownLock(dir)
    await fs.writeFile(path.join(dir, 'lock-41'), contentOf(self))
    await (
      await lockDir(dir)
    )()
    assert.deepEqual(await fs.readdir(dir), [])
  })
}

test('of many who take a stale lock over at once, one gets it', async (t) => {
  const dir = await createDir(t)
  for (let round = 0; round < 20; round++) {
    await fs.writeFile(path.join(dir, 'lock-7'), '{"pid":1,"started":"x","boot":"x"}')
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockDir(dir)))
    const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    assert.equal(winners.length, 1)
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue
      assert.ok(isSetteeError(outcome.reason, 'SETTEE_JOURNAL_LOCKED'), String(outcome.reason))
    }
    await winners[0]!.value()
  }
})
