import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  createFileJournal,
  createMemoryJournal,
  nodeFiles,
  type Journal,
  type JournalFiles,
  type MemoryJournal,
} from '@settee/journal'
import { ExceptionCode, ResultCode } from '../protocol/index.ts'
import { cleanUpAll, startCoordinator, stockResource, type CleanUps } from './test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'settee-tx-journal-'))
  cleanUps.push(() => rm(folder, { recursive: true }))
  return folder
}

interface Disk {
  readonly files: JournalFiles
  isFull: boolean
  isBroken: boolean
}

/** The real disk, until a test says otherwise. */
function createDisk(): Disk {
  const disk: Disk = {
    isFull: false,
    isBroken: false,
    files: {
      ...nodeFiles,
      create: async (path) => {
        if (disk.isFull)
          throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        return nodeFiles.create(path)
      },
      open: async (path) => {
        const file = await nodeFiles.open(path)
        return {
          sizeBytes: file.sizeBytes,
          read: (into, at) => file.read(into, at),
          write: (bytes, at) =>
            disk.isBroken ? Promise.reject(new Error('input/output error')) : file.write(bytes, at),
          sync: () => file.sync(),
          close: () => file.close(),
        }
      },
    },
  }
  return disk
}

function journalIn(dir: string, files: JournalFiles = nodeFiles): Journal {
  return createFileJournal({ dir, files, segmentBytes: 2 ** 16, maxRecordBytes: 8192 })
}

test('no answer leaves before its record is durable', async () => {
  const journal = createMemoryJournal({ flush: 'manual' })
  const coordinator = await startCoordinator(cleanUps, { journal })
  const client = await coordinator.connect({ resourceIds: stockResource })
  let isBegun = false
  const begun = client.begin().then((xid) => {
    isBegun = true
    return xid
  })
  await client.statusOf('alive')
  await client.statusOf('alive')
  assert.equal(isBegun, false)
  journal.flush()
  const xid = await begun
  let isRegistered = false
  const registered = client.branch(xid, 'stock:1').then(() => (isRegistered = true))
  await client.statusOf('alive')
  await client.statusOf('alive')
  assert.equal(isRegistered, false)
  journal.flush()
  await registered
  let isCommitted = false
  const committed = client.commit(xid).then(() => (isCommitted = true))
  await client.statusOf('alive')
  await client.statusOf('alive')
  assert.equal(isCommitted, false)
  assert.deepEqual(client.orders, [])
  journal.flush()
  await committed
})

describe('a flush that fails', () => {
  test('is told to everybody who waits, and to the owner once', async () => {
    const dir = await makeFolder()
    const disk = createDisk()
    const journal = journalIn(dir, disk.files)
    const coordinator = await startCoordinator(cleanUps, { journal })
    const client = await coordinator.connect({ resourceIds: stockResource })
    client.react = () => 'silence'
    const [ending, holder, other, running] = [
      await client.begin(),
      await client.begin(),
      await client.begin(),
      await client.begin(),
    ]
    await client.branch(ending, 'stock:1')
    await client.branch(holder, 'stock:2')
    const settling = client.rollback(ending)
    settling.catch(() => {})
    await client.until(() => client.orders.length === 1)
    const waiting = client.askBranch(other, 'stock:2', { applicationData: '{"lockWaitMs":60000}' })
    await client.statusOf(other)
    assert.equal(coordinator.server.lockWaiterCount, 1)

    disk.isBroken = true
    const committing = client.commit(running)
    const beginning = client.askBegin()
    await assert.rejects(committing, /SETTEE_JOURNAL_FAILED: .*input\/output error/)
    await assert.rejects(settling, /SETTEE_JOURNAL_FAILED/)
    assert.match((await waiting).msg, /SETTEE_JOURNAL_FAILED/)
    const { resultCode, exceptionCode, msg } = await beginning
    assert.equal(resultCode, ResultCode.Failed)
    assert.equal(exceptionCode, ExceptionCode.BeginFailed)
    assert.match(
      msg,
      /^TransactionException\[SETTEE_JOURNAL_FAILED: .* restart the process to recover\]$/,
    )

    disk.isBroken = false
    await assert.rejects(client.begin(), /SETTEE_JOURNAL_FAILED/)
    assert.equal(coordinator.failures.length, 1)
    assert.equal(coordinator.failures[0]!.code, 'SETTEE_JOURNAL_FAILED')
    await coordinator.pass(120_000)
    assert.equal(client.orders.length, 1)
    await coordinator.server.stop()

    const again = await startCoordinator(cleanUps, { journal: journalIn(dir) })
    const back = await again.connect({ resourceIds: stockResource })
    await back.until(() => back.orders.length === 1)
    assert.equal(await back.statusOf(holder), 'Begin')
    assert.match((await back.askBranch(other, 'stock:2')).msg, /is held by/)
  })
})

describe('a full disk', () => {
  test('stops what is new, lets what runs end, and is over when there is space', async () => {
    const dir = await makeFolder()
    const disk = createDisk()
    const coordinator = await startCoordinator(cleanUps, { journal: journalIn(dir, disk.files) })
    const client = await coordinator.connect({ resourceIds: stockResource })
    const [toCommit, toRollBack, toTimeOut] = [
      await client.begin(),
      await client.begin(),
      await client.begin(30_000),
    ]
    for (const [i, xid] of [toCommit, toRollBack, toTimeOut].entries()) {
      await client.branch(xid, `stock:${i}`)
    }
    disk.isFull = true
    const running: string[] = []
    let refusal = await client.askBegin()
    while (refusal.resultCode === ResultCode.Success) {
      running.push(refusal.xid)
      refusal = await client.askBegin()
    }
    assert.equal(refusal.exceptionCode, ExceptionCode.BeginFailed)
    assert.match(
      refusal.msg,
      /SETTEE_JOURNAL_FULL: the disk of .* is full, so new work is refused; it goes on by itself/,
    )
    assert.match((await client.askBranch(toCommit, 'stock:9')).msg, /SETTEE_JOURNAL_FULL/)
    assert.deepEqual(coordinator.failures, [])

    assert.equal(await client.commit(toCommit), 'Committed')
    assert.equal(await client.rollback(toRollBack), 'Rollbacked')
    await coordinator.pass(30_001)
    while ((await client.statusOf(toTimeOut)) !== 'TimeoutRollbacked');
    assert.equal(coordinator.server.state.locks.size, 0)

    disk.isFull = false
    let isOpen = false
    while (!isOpen) isOpen = (await client.askBegin()).resultCode === ResultCode.Success
    await coordinator.server.stop()
    const again = await startCoordinator(cleanUps, { journal: journalIn(dir) })
    const back = await again.connect()
    assert.equal(await back.statusOf(toCommit), 'Committed')
    assert.equal(await back.statusOf(toRollBack), 'Rollbacked')
    for (const xid of running) assert.equal(await back.statusOf(xid), 'Begin')
  })

  test('that leaves no room for a timeout or an outcome lets them come through later', async () => {
    const { journal, withoutReserve } = createJournalWithoutReserve()
    const coordinator = await startCoordinator(cleanUps, { journal: withoutReserve })
    const client = await coordinator.connect({ resourceIds: stockResource })
    const [ending, late] = [await client.begin(), await client.begin(5000)]
    await client.branch(ending, 'stock:1')
    client.react = () => {
      journal.setFull(true)
      return 8
    }
    const answer = client.rollback(ending)
    await client.until(() => client.orders.length === 1)
    await coordinator.pass(6000)
    assert.equal(await client.statusOf(ending), 'Rollbacking')
    assert.equal(await client.statusOf(late), 'Begin')
    await assert.rejects(client.commit(late), /SETTEE_JOURNAL_FULL/)
    journal.setFull(false)
    await coordinator.pass(100)
    assert.equal(await answer, 'Rollbacked')
    while ((await client.statusOf(late)) !== 'TimeoutRollbacked');
  })

  test('is no reason to lose the outcomes of hundreds of failures with long texts', async () => {
    const { journal, withoutReserve } = createJournalWithoutReserve()
    const coordinator = await startCoordinator(cleanUps, { journal: withoutReserve })
    const client = await coordinator.connect({ resourceIds: stockResource })
    const count = 250
    const xids: string[] = []
    for (let i = 0; i < count; i++) {
      const xid = await client.begin()
      xids.push(xid)
      await client.branch(xid, `stock:${i}`)
    }
    client.react = () => {
      journal.setFull(true)
      return { failure: 'é'.repeat(16_000) }
    }
    const answers = xids.map((xid) => client.rollback(xid))
    await client.until(() => client.orders.length === count)
    await client.statusOf('alive')
    journal.setFull(false)
    await coordinator.pass(100)
    const statuses = new Set(await Promise.all(answers))
    assert.deepEqual([...statuses], ['RollbackRetrying'])
  })
})

/** A journal that, when it is full, has no room for anything. */
function createJournalWithoutReserve(): { journal: MemoryJournal; withoutReserve: Journal } {
  const journal = createMemoryJournal()
  const withoutReserve: Journal = {
    open: (owner) => journal.open(owner),
    append: (record) => journal.append(record),
    saveSnapshot: (index, bytes) => journal.saveSnapshot(index, bytes),
    stats: () => journal.stats(),
    close: () => journal.close(),
  }
  return { journal, withoutReserve }
}
