/** Idle connections, and a server that is killed while transactions are open. */
import assert from 'node:assert/strict'
import { GlobalStatus } from '@settee/tx'
import { FrameType } from '@settee/tx/protocol'
import { eventually, type CheckGroup } from '../harness-report.ts'
import { moneyOf, resetAccounts, undoLogsGone } from '../java-clients/scene.ts'
import { holdTransaction, rollBackAfter, type AtDatabase, type ServerScene } from './scene.ts'

/** The server closes a connection on which it has read nothing for 15 s. */
const idleMs = 21_000

/** The connections are the same for all databases, so that one of them is enough. */
export async function checkHeartbeats(
  group: CheckGroup,
  { tap, tx }: ServerScene,
  { database, run }: AtDatabase,
): Promise<void> {
  await group.check(
    'heartbeats keep the connections open over 21 s of silence',
    async () => {
      const holder = await holdTransaction(tx, () =>
        run('UPDATE account SET money = 1 WHERE id = 3'),
      )
      const from = tap.frames.length
      await new Promise((resolve) => setTimeout(resolve, idleMs))
      const idle = tap.frames.slice(from)
      const asked = idle.filter(({ frameType }) => frameType === FrameType.HeartbeatRequest).length
      const answered = idle.filter(
        ({ frameType }) => frameType === FrameType.HeartbeatResponse,
      ).length
      assert.ok(asked >= 6, `${asked} heartbeats`)
      assert.ok(answered >= asked - 4, `${answered} of ${asked} answered`)
      const connections = new Set(tap.frames.map(({ connection }) => connection)).size
      await holder.rollBack()
      assert.equal(await moneyOf(database, 3), 100)
      assert.equal(new Set(tap.frames.map(({ connection }) => connection)).size, connections)
      return `${asked} asked, ${answered} answered`
    },
    60_000,
  )
}

export async function checkKills(
  group: CheckGroup,
  { server, tx }: ServerScene,
  { database, run }: AtDatabase,
): Promise<void> {
  await group.check(
    'a server that is killed and started again finds the transaction and rolls it back',
    async () => {
      const holder = await holdTransaction(tx, () =>
        run('UPDATE account SET money = 1 WHERE id = 3'),
      )
      await server.kill()
      await server.restart()
      await eventually('the status is told again', async () => {
        return (await tx.getStatus(holder.xid)) === GlobalStatus.Begin
      })
      await holder.rollBack()
      // The server may be asked before our resource manager is back; then it tries again.
      await eventually('the row is restored', async () => (await moneyOf(database, 3)) === 100)
      await undoLogsGone(database, holder.xid)
    },
    120_000,
  )
  await group.check(
    'a commit that is asked while the server is down is done when it is back',
    async () => {
      const holder = await holdTransaction(tx, () =>
        run('UPDATE account SET money = 77 WHERE id = 3'),
      )
      await server.kill()
      const committing = holder.commit()
      committing.catch(() => {})
      await server.restart()
      await committing
      await undoLogsGone(database, holder.xid)
      assert.equal(await moneyOf(database, 3), 77)
      const xid = await rollBackAfter(tx, () => run('UPDATE account SET money = 1 WHERE id = 3'))
      await undoLogsGone(database, xid)
      assert.equal(await moneyOf(database, 3), 77)
      await resetAccounts(database)
    },
    120_000,
  )
}
