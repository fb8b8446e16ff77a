/** What does not depend on the database: branch types, merged requests, statuses, heartbeats. */
import assert from 'node:assert/strict'
import { BranchType, FrameType, MessageType, ResultCode } from '@settee/tx/protocol'
import { textIn } from '../harness-java.ts'
import { eventually, type CheckGroup } from '../harness-report.ts'
import { messagesSince, type TappedFrame } from '../harness-tap.ts'
import type { ClientVersion } from './java-client.ts'
import { moneyOf, resetAccounts, undoLogsGone, type Scene } from './scene.ts'

export async function checkClient(group: CheckGroup, scene: Scene): Promise<void> {
  await checkStatuses(group, scene)
  await checkBothDatabases(group, scene)
  await checkBranchTypes(group, scene)
  await checkXa(group, scene)
  await checkMerges(group, scene)
}

async function checkStatuses(group: CheckGroup, { client }: Scene): Promise<void> {
  const session = client.session('main')
  await group.check(
    'GlobalStatus tells every stage, and Finished for what it never was',
    async () => {
      const xid = await session.begin()
      assert.equal(await session.status(xid), 'Begin')
      assert.equal(await session.rollback(), 'Rollbacked')
      assert.equal(await session.status(xid), 'Rollbacked')
      const next = await session.begin()
      assert.equal(await session.commit(), 'Committed')
      assert.equal(await session.status(next), 'Committed')
      const nobody = `${next.slice(0, next.lastIndexOf(':'))}:1`
      assert.equal(await session.status(nobody), 'Finished')
      assert.equal((await session.request('commitOnce', { xid: nobody })).status, 'Finished')
      assert.equal((await session.request('rollbackOnce', { xid: nobody })).status, 'Finished')
    },
  )
  await group.check('GlobalReport ends a saga, and leaves other transactions alone', async () => {
    const resourceId = textIn(await session.request('sagaResource'), 'resourceId')
    const xid = await session.begin()
    await session.request('unbind')
    await session.registerBranch({ branchType: 'SAGA', resourceId, xid })
    const report = await session.request('globalReport', { xid, status: 'Committed' })
    assert.equal(report.status, 'Committed')
    assert.equal(await session.status(xid), 'Committed')
    const plain = await session.begin()
    await session.request('globalReport', { xid: plain, status: 'Committed' })
    assert.equal(await session.status(plain), 'Begin')
    assert.equal(await session.rollback(), 'Rollbacked')
  })
}

async function checkBothDatabases(group: CheckGroup, { client, databases }: Scene): Promise<void> {
  const session = client.session('main')
  await group.check('one transaction on both databases rolls back and commits', async () => {
    for (const database of Object.values(databases)) await resetAccounts(database)
    for (const end of ['rollback', 'commit'] as const) {
      const xid = await session.begin()
      for (const database of Object.values(databases)) {
        await session.sql(database, ['UPDATE account SET money = 55 WHERE id = 5'])
      }
      assert.equal(await session[end](), end === 'commit' ? 'Committed' : 'Rollbacked')
      for (const database of Object.values(databases)) {
        assert.equal(await moneyOf(database, 5), end === 'commit' ? 55 : 100)
        await undoLogsGone(database, xid)
        await resetAccounts(database)
      }
    }
  })
}

/** Registers branches of every type by API; phase two must reach the resource. */
async function checkBranchTypes(group: CheckGroup, { client, tap }: Scene): Promise<void> {
  const session = client.session('main')
  for (const [branchType, resource, phases] of [
    ['TCC', 'tccResource', ['commit', 'rollback']],
    ['SAGA', 'sagaResource', ['forward', 'compensate']],
  ] as const) {
    await group.check(`${branchType} branches are driven forward and back`, async () => {
      const registered = await session.request(resource, { action: 'prepareStock' })
      const resourceId = textIn(registered, 'resourceId')
      for (const [end, phase] of [
        ['commit', phases[0]],
        ['rollback', phases[1]],
      ] as const) {
        const from = tap.frames.length
        const xid = await session.begin()
        await session.registerBranch({
          branchType,
          resourceId,
          xid,
          applicationData: '{"actionContext":{"who":"é 中"}}',
        })
        const status = await session[end]()
        assert.equal(status, end === 'commit' ? 'Committed' : 'Rollbacked')
        const { calls } = await session.request('calls')
        const mine = (calls as { phase: string; xid: string }[]).filter((call) => call.xid === xid)
        assert.deepEqual(mine, [{ phase, xid }])
        assert.ok(drivenTypes(tap.frames.slice(from)).includes(BranchType[branchType]))
      }
    })
  }
}

function drivenTypes(frames: readonly TappedFrame[]): BranchType[] {
  return frames.flatMap(({ message }) =>
    message?.type === MessageType.BranchCommit || message?.type === MessageType.BranchRollback
      ? [message.branchType]
      : [],
  )
}

/** The originals' XA data source: the coordinator needs no more than to know the branch type. */
async function checkXa(group: CheckGroup, { client, tap, databases }: Scene): Promise<void> {
  const session = client.session('main')
  for (const database of Object.values(databases)) {
    await group.check(`XA on ${database.kind} commits and rolls back`, async () => {
      await resetAccounts(database)
      assert.equal(await client.open(database, 'XA'), database.jdbcUrl)
      const from = tap.frames.length
      await session.begin()
      await session.sql(database, ['UPDATE account SET money = 42 WHERE id = 1'], { mode: 'XA' })
      assert.equal(await moneyOf(database, 1), 100)
      assert.equal(await session.rollback(), 'Rollbacked')
      await session.begin()
      await session.sql(database, ['UPDATE account SET money = 43 WHERE id = 1'], { mode: 'XA' })
      assert.equal(await session.commit(), 'Committed')
      await eventually('committed', async () => (await moneyOf(database, 1)) === 43)
      assert.deepEqual(drivenTypes(tap.frames.slice(from)), [BranchType.XA, BranchType.XA])
      await resetAccounts(database)
    })
  }
}

/** How the coordinator answers MergedWarps to a release. */
const replyForms: Readonly<Record<ClientVersion, 'MergeResult' | 'single answers'>> = {
  '1.5.2': 'MergeResult',
  '2.0.0': 'MergeResult',
  '2.6.0': 'single answers',
}

async function checkMerges(group: CheckGroup, { client, tap, version }: Scene): Promise<void> {
  await group.check(`merged requests are answered by ${replyForms[version]}`, async () => {
    const from = tap.frames.length
    const registered = await client.session('main').request('tccResource', { action: 'burst' })
    const resourceId = textIn(registered, 'resourceId')
    const parameters = { threads: 16, rounds: 10, branches: 3, resourceId }
    const { branches } = await client.session('main').request('burst', parameters)
    assert.equal(branches, 16 * 10 * 3)
    const frames = tap.frames.slice(from)
    const warps = frames.flatMap(({ message }) =>
      message?.type === MessageType.MergedWarp ? [message] : [],
    )
    const results = frames.filter(({ message }) => message?.type === MessageType.MergeResult)
    const largest = Math.max(...warps.map(({ messages }) => messages.length))
    assert.ok(largest >= 2, 'no frame held more than one request')
    assert.equal(results.length, replyForms[version] === 'MergeResult' ? warps.length : 0)
    const kinds = new Set(warps.flatMap(({ messages }) => messages.map(({ type }) => type)))
    const failures = messagesSince(tap, from).filter(
      (message) => 'resultCode' in message && message.resultCode === ResultCode.Failed,
    )
    assert.deepEqual(failures, [])
    const ids = warps.every(({ messages, messageIds }) => messages.length === messageIds.length)
    assert.ok(ids, 'every merged request has its id')
    return `${warps.length} MergedWarps of up to ${largest}, types ${[...kinds].join(' ')}`
  })
}

/** A connection without requests for this long would have been closed without heartbeats. */
const idleMs = 20_500

/** Run last: until then the client may have been idle for long enough by itself. */
export async function checkHeartbeats(group: CheckGroup, scene: Scene): Promise<void> {
  const { tap, client } = scene
  await group.check('idle connections are kept alive by heartbeats', async () => {
    const before = new Set(tap.frames.map(({ connection }) => connection))
    const start = performance.now()
    const session = client.session('main')
    const xid = await session.begin()
    await session.sql(scene.databases.postgres, ['UPDATE account SET money = 8 WHERE id = 8'])
    const from = tap.frames.length
    await new Promise((resolve) => setTimeout(resolve, idleMs))
    assert.equal(await session.status(xid), 'Begin')
    await session.sql(scene.databases.postgres, ['UPDATE account SET money = 9 WHERE id = 9'])
    assert.equal(await session.rollback(), 'Rollbacked')
    await undoLogsGone(scene.databases.postgres, xid)
    const frames = tap.frames.slice(from)
    const used = new Set(frames.flatMap((f) => (f.message === undefined ? [] : [f.connection])))
    for (const connection of used) assert.ok(before.has(connection), 'it had to connect again')
    const beats = frames.filter(({ frameType }) => frameType === FrameType.HeartbeatRequest)
    const answers = frames.filter(({ frameType }) => frameType === FrameType.HeartbeatResponse)
    for (const connection of used) {
      const asked = beats.filter((frame) => frame.connection === connection).length
      const answered = answers.filter((frame) => frame.connection === connection).length
      assert.ok(asked >= 1 && answered === asked, `${asked} heartbeats, ${answered} answers`)
    }
    const seconds = Math.round((performance.now() - start) / 1000)
    return `${beats.length} heartbeats on ${used.size} connections in ${seconds} s`
  })
}

/** Every frame that passed was read, and would have been written alike, by Settee's own codec. */
export async function checkWire(group: CheckGroup, { tap, coordinator }: Scene): Promise<void> {
  await group.check('Settee writes every frame of both sides as they were', async () => {
    assert.deepEqual(tap.faults.slice(0, 5), [])
    assert.deepEqual(coordinator.badPeers.slice(0, 5), [])
    const types = new Set(messagesSince(tap, 0).map(({ type }) => type))
    return `${tap.frames.length} frames of ${types.size} types`
  })
}
