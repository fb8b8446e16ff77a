/** A real coordinator on a real disk, killed under load: what it has answered holds. */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createSeededRandom, isSetteeError, sleep } from '@settee/kit'
import { connectClient, stockResource, type TestClient } from '../src/server/test-clients.ts'

const killCount = 24
const laneCount = 24
const hourMs = 3_600_000
const script = fileURLToPath(new URL('./coordinator-process.ts', import.meta.url))

/** What the coordinator has answered about a transaction, and what it was asked. */
interface Known {
  lockKey: string | undefined
  wanted: 'nothing' | 'commit' | 'rollback'
  answer: string | undefined
}

const mayFollow: Readonly<Record<Known['wanted'], readonly string[]>> = {
  nothing: ['Begin'],
  commit: ['Begin', 'AsyncCommitting', 'CommitRetrying', 'Committed'],
  rollback: ['Begin', 'Rollbacking', 'RollbackRetrying', 'Rollbacked'],
}
/** AT is committed when that was answered; what follows is clean-up. */
const mayFollowAnswer: Readonly<Record<string, readonly string[]>> = {
  Committed: ['AsyncCommitting', 'CommitRetrying', 'Committed'],
  Rollbacked: ['Rollbacked'],
  RollbackRetrying: ['RollbackRetrying', 'Rollbacked'],
  Rollbacking: ['Rollbacking', 'RollbackRetrying', 'Rollbacked'],
}

test(`killed ${killCount} times under load, it loses nothing it has answered`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'settee-tx-kill-'))
  const random = createSeededRandom(7)
  const known = new Map<string, Known>()
  let child: ChildProcess | undefined
  let address = '127.0.0.1:0'
  let nextKey = 0
  t.after(async () => {
    child?.kill('SIGKILL')
    await rm(folder, { recursive: true })
  })

  function startCoordinator(): ChildProcess {
    child = fork(script, [folder, address.split(':')[1]!], {
      execArgv: ['--conditions=@settee/source'],
    })
    return child
  }
  async function whenReady(started: ChildProcess): Promise<void> {
    ;[address] = (await once(started, 'message')) as [string]
  }

  async function oneTransaction(client: TestClient): Promise<void> {
    const transaction: Known = { lockKey: undefined, wanted: 'nothing', answer: undefined }
    const xid = await client.begin(hourMs)
    known.set(xid, transaction)
    const fate = random.below(20)
    if (fate > 2) {
      const lockKey = `stock:${nextKey++}`
      await client.branch(xid, lockKey)
      transaction.lockKey = lockKey
    }
    if (fate === 19) return
    transaction.wanted = fate % 3 === 0 ? 'rollback' : 'commit'
    transaction.answer = await client[transaction.wanted](xid)
  }

  async function loadUntilKilled(client: TestClient, victim: ChildProcess): Promise<void> {
    let answersLeft = 1 + random.below(400)
    const exited = once(victim, 'exit')
    const lane = async (): Promise<void> => {
      while (client.isOpen) {
        try {
          await oneTransaction(client)
        } catch (error) {
          if (!isSetteeError(error, 'SETTEE_WIRE_CLOSED')) throw error
        }
        if (--answersLeft === 0) victim.kill('SIGKILL')
      }
    }
    await Promise.all(Array.from({ length: laneCount }, lane))
    await exited
  }

  async function checkWhatIsKnown(client: TestClient): Promise<void> {
    const check = async (xid: string, { wanted, answer, lockKey }: Known): Promise<void> => {
      const status = await client.statusOf(xid)
      const allowed = answer === undefined ? mayFollow[wanted] : mayFollowAnswer[answer]
      assert.ok(allowed?.includes(status), `${xid}: ${wanted}, answered ${answer}, is ${status}`)
      if (wanted !== 'nothing' || lockKey === undefined) return
      assert.equal(await client.isLockable('another', lockKey), false, `${lockKey} of ${xid}`)
    }
    await Promise.all([...known].map(([xid, transaction]) => check(xid, transaction)))
  }

  /** What was not answered is asked again; what was left running is ended. */
  async function endEverything(client: TestClient): Promise<void> {
    const end = async (xid: string, transaction: Known): Promise<void> => {
      if (transaction.wanted === 'nothing') transaction.wanted = 'commit'
      transaction.answer ??= await client[transaction.wanted](xid)
    }
    await Promise.all([...known].map(([xid, transaction]) => end(xid, transaction)))
  }

  for (let kill = 0; kill < killCount; kill++) {
    const started = startCoordinator()
    if (kill % 6 === 5) {
      // In the middle of its recovery, or of its start.
      await once(started, 'spawn')
      await sleep(random.below(200))
      started.kill('SIGKILL')
      await once(started, 'exit')
      continue
    }
    await whenReady(started)
    const client = await connectClient(address, { resourceIds: stockResource })
    await checkWhatIsKnown(client)
    await loadUntilKilled(client, started)
  }

  await whenReady(startCoordinator())
  const client = await connectClient(address, { resourceIds: stockResource })
  await checkWhatIsKnown(client)
  await endEverything(client)
  const finals = ['Committed', 'Rollbacked']
  for (const [xid, { wanted }] of known) {
    let status = await client.statusOf(xid)
    while (!finals.includes(status)) status = await client.statusOf(xid)
    assert.equal(status, wanted === 'commit' ? 'Committed' : 'Rollbacked', xid)
  }
  const everyKey = Array.from({ length: nextKey }, (_, key) => key).join(',')
  assert.equal(await client.isLockable('another', `stock:${everyKey}`), true)
  assert.ok(known.size > 1000, `${known.size} transactions`)
  client.close()
})
