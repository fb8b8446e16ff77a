/**
 * Money moves between two databases while messages are lost, databases and the coordinator crash,
 * and transaction managers die. In the end every transaction has ended, all or nothing.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { BranchType, GlobalStatus } from '../protocol/status.ts'
import type { Database } from './test-simulation.ts'
import { Estate } from './test-simulation.ts'

const transferCount = 40
const timeoutMs = 2000

/** Database and amount of each branch; two branches change the same row of the first database. */
const steps = [
  [0, -4],
  [1, 10],
  [0, -6],
] as const

/** One transaction manager with one transfer: what it was told is checked in the end. */
class Transfer {
  xid = ''
  told: 'nothing' | 'committed' | 'rolledBack' = 'nothing'
  isDone = false
  readonly #estate: Estate
  readonly #row: string

  constructor(estate: Estate) {
    this.#estate = estate
    this.#row = String(estate.random.below(3))
    estate.after(6000, () => this.#begin())
  }

  #begin(): void {
    const begun = (xid: string | null): void => {
      this.xid = xid ?? ''
      if (xid === null) this.isDone = true
      else this.#register(0)
    }
    this.#estate.call<string>(
      (shell, done) => {
        const transactionId = shell.ids.next(shell.now())
        const xid = `sim:8091:${transactionId}`
        const names = { name: 'transfer', applicationId: 'bank', transactionServiceGroup: 'g' }
        const now = shell.now()
        shell.propose({ kind: 'begin', xid, transactionId, timeoutMs, ...names, now }, () =>
          done(xid),
        )
      },
      300,
      begun,
    )
  }

  #register(index: number): void {
    const step = steps[index]
    const database = this.#estate.databases[step?.[0] ?? -1]
    if (database === undefined) this.#decide()
    else if (!database.isUp) this.#end('rollback')
    else this.#callRegister(index, database)
  }

  #callRegister(index: number, database: Database): void {
    const { xid } = this
    const holdsRowLocks = this.#estate.chance(0.5)
    const applicationData = JSON.stringify({ autoCommit: !holdsRowLocks, lockWaitMs: 400 })
    this.#estate.call<number | null>(
      (shell, done) => {
        const command = {
          kind: 'registerBranch',
          xid,
          branchId: shell.ids.next(shell.now()),
          branchType: BranchType.AT,
          resourceId: database.name,
          clientId: 'bank:sim:1',
          lockKeys: `account:${this.#row}`,
          applicationData,
          lockWaitedMs: 0,
          now: shell.now(),
        } as const
        const answered = (answer: unknown): void => {
          done(typeof answer === 'number' ? answer : null)
        }
        shell.register({ command, done: answered })
      },
      600,
      (branchId) => {
        if (branchId === null) this.#end('rollback')
        else this.#estate.after(30, () => this.#write(index, database, branchId))
      },
    )
  }

  #write(index: number, database: Database, branchId: number): void {
    const { xid } = this
    const delta = steps[index]?.[1] as number
    if (database.phaseOne({ xid, branchId, row: this.#row, delta })) this.#register(index + 1)
    else this.#end('rollback')
  }

  #decide(): void {
    if (this.#estate.chance(0.07)) this.isDone = true
    else this.#end(this.#estate.chance(0.15) ? 'rollback' : 'commit')
  }

  /** Asks until there is an answer, as a transaction manager must. */
  #end(kind: 'commit' | 'rollback'): void {
    const { xid } = this
    this.#estate.call<GlobalStatus>(
      (shell, done) => {
        shell.propose({ kind, xid, reason: 'simulated', now: shell.now() }, ({ status }) =>
          done(status),
        )
      },
      300,
      (status) => {
        if (status === null) {
          this.#end(kind)
          return
        }
        this.isDone = true
        if (kind === 'rollback') this.told = 'rolledBack'
        else this.told = status === GlobalStatus.Committed ? 'committed' : 'rolledBack'
      },
    )
  }
}

function disturb(estate: Estate): void {
  for (let i = 0; i < 5; i++) estate.after(7000, () => estate.crashCoordinator())
  for (const database of estate.databases) {
    estate.after(6000, () => {
      database.isUp = false
      estate.clock.after(600, () => {
        database.isUp = true
        estate.shell.phaseTwo.resourceAvailable(database.name)
      })
    })
  }
}

function checkOutcome(estate: Estate, transfer: Transfer): boolean {
  const { state } = estate.shell.machine
  const status = state.finished(transfer.xid)?.status
  const deltas = estate.databases.map((database) => database.deltas.get(transfer.xid) ?? 0)
  const isCommitted = status === GlobalStatus.Committed
  assert.deepEqual(deltas, isCommitted ? [-10, 10] : [0, 0], `${transfer.xid}: ${status}`)
  if (transfer.told === 'committed') assert.ok(isCommitted, 'told committed, was not')
  if (transfer.told === 'rolledBack') assert.ok(!isCommitted, 'told rolled back, was not')
  return isCommitted
}

it('transfers end all or nothing, whatever crashes and whatever is lost', () => {
  let committedCount = 0
  for (let seed = 1; seed <= 30; seed++) {
    const estate = new Estate(seed)
    const transfers = Array.from({ length: transferCount }, () => new Transfer(estate))
    disturb(estate)
    const isOver = (): boolean =>
      transfers.every((transfer) => transfer.isDone) &&
      estate.shell.isAlive &&
      estate.shell.machine.state.transactions.size === 0
    for (let i = 0; i < 600 && !(i > 70 && isOver()); i++) estate.clock.advance(100)
    assert.ok(isOver(), `seed ${seed}: something never ended`)
    // Whoever still waits for a lock on behalf of an ended transaction leaves at its deadline.
    estate.clock.advance(1000)
    const committed = transfers.filter((transfer) => checkOutcome(estate, transfer))
    committedCount += committed.length
    assert.equal(estate.shell.machine.state.locks.size, 0)
    assert.equal(estate.shell.waits.size, 0)
    const total = estate.databases.flatMap((database) => [...database.rows.values()])
    assert.equal(
      total.reduce((sum, value) => sum + value, 0),
      0,
      `seed ${seed}: money was made or lost`,
    )
    assert.deepEqual(
      estate.databases.map((database) => database.undoCount),
      [0, 0],
    )
  }
  assert.ok(committedCount > 300, `${committedCount} of ${30 * transferCount} committed`)
})
