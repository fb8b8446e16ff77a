/**
 * Random walks of commands over a small coordinator, with what must hold after every step, and
 * what must hold of the walk as a whole: the same commands give the same state, through the codec
 * and from any snapshot on.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { ByteReader, ByteWriter } from '@settee/wire'
import { BranchStatus, BranchType, GlobalStatus } from '../protocol/status.ts'
import { decodeCommand, encodeCommand } from './command-codec.ts'
import type { Command } from './commands.ts'
import { applyCommand, refusalOf } from './coordinator.ts'
import type { CoordinatorOptions } from './limits.ts'
import type { CommandResult } from './result.ts'
import { encodeSnapshot, restoreSnapshot } from './snapshot.ts'
import { CoordinatorState } from './state.ts'
import { isCommitting, isSaga, lockCountOf, type RowLock, type Transaction } from './transaction.ts'

const limits: CoordinatorOptions = {
  maxActiveTransactions: 6,
  maxBranchesPerTransaction: 4,
  maxFinishedTransactions: 5,
  maxTimelineEntries: 7,
}

/** Numbers that {@link toCommand} turns into a command that fits the state, or nearly so. */
type Choice = readonly [action: number, who: number, what: number, elapsedMs: number]

const choice = fc.tuple(fc.nat(15), fc.nat(1000), fc.nat(1000), fc.nat(400))

function pick<Item>(items: readonly Item[], index: number): Item {
  return items[index % items.length] as Item
}

class Walk {
  readonly state = new CoordinatorState(limits)
  readonly commands: Command[] = []
  readonly xids: string[] = ['h:1:0']
  #now = 1_000_000
  #nextId = 1
  readonly #endedBranches = new Set<number>()
  readonly #closedBranchCounts = new Map<string, number>()

  step(choice: Choice): void {
    const { state } = this
    this.#now += choice[3]
    const command = this.#toCommand(choice)
    const expected = refusalOf(state, command)
    const locksBefore = new Set(state.locks)
    const lastIdBefore = state.lastId
    const result = applyCommand(state, command)
    this.commands.push(command)
    assert.deepEqual(result.refusal, expected, 'apply and refusalOf agree')
    assert.equal(state.lastId, Math.max(lastIdBefore, idOf(command)), 'ids only rise')
    this.#checkReleases(locksBefore, result)
    checkLocks(state)
    checkCounts(state)
    for (const transaction of [...state.transactions.values(), ...state.history()]) {
      this.#checkTransaction(transaction)
    }
  }

  #toCommand([action, who, what]: Choice): Command {
    const now = this.#now
    const xid = pick(this.xids, who)
    const transaction = this.state.transactions.get(xid)
    const branch = pick(transaction?.branches ?? [], what)
    const branchId = what % 7 === 0 ? (transaction?.sagaCall?.branchId ?? 0) : branch?.branchId
    const id = branchId ?? what
    if (action <= 2) return this.#begin(what)
    if (action <= 6) return this.#register(xid, what)
    if (action === 7) {
      const status = pick(Object.values(BranchStatus), what)
      return { kind: 'reportBranch', xid, branchId: id, status, applicationData: '', now }
    }
    if (action === 8) return { kind: 'commit', xid, now }
    if (action === 9) return { kind: 'rollback', xid, reason: `because ${what}`, now }
    if (action === 10) return { kind: 'timeOut', xid, now }
    if (action === 11) {
      return { kind: 'globalReport', xid, status: pick(Object.values(GlobalStatus), what), now }
    }
    if (action === 12) return { kind: pick(['resume', 'forget'], what), xid, reason: '', now }
    const isCommit = transaction !== undefined && isCommitting(transaction.status)
    const good = isCommit ? BranchStatus.PhaseTwo_Committed : BranchStatus.PhaseTwo_Rollbacked
    const status = action === 13 ? pick(Object.values(BranchStatus), what) : good
    return { kind: 'branchesEnded', outcomes: [{ xid, branchId: id, status, error: '' }], now }
  }

  #begin(what: number): Command {
    const transactionId = this.#nextId++
    const xid = `h:1:${transactionId}`
    this.xids.push(xid)
    return {
      kind: 'begin',
      xid,
      transactionId,
      name: what % 9 === 0 ? '$Saga_x' : 'x',
      timeoutMs: 1 + (what % 3) * 1000,
      applicationId: 'app',
      transactionServiceGroup: 'group',
      now: this.#now,
    }
  }

  #register(xid: string, what: number): Command {
    const types = [BranchType.AT, BranchType.AT, BranchType.AT, BranchType.TCC, BranchType.XA]
    return {
      kind: 'registerBranch',
      xid,
      branchId: this.#nextId++,
      branchType: what % 11 === 0 ? BranchType.SAGA : pick(types, what),
      resourceId: `db${what % 2}`,
      clientId: 'app:h:1',
      lockKeys: `t:${what % 5},${what % 3}`,
      applicationData: what % 4 === 0 ? '{"autoCommit":false}' : '',
      lockWaitedMs: what % 6 === 0 ? 5 : 0,
      now: this.#now,
    }
  }

  #checkReleases(before: ReadonlySet<RowLock>, result: CommandResult): void {
    const after = new Set(this.state.locks)
    const gone = [...before].filter((lock) => !after.has(lock))
    const told = result.effects.flatMap((effect) =>
      effect.kind === 'locksReleased' ? effect.locks : [],
    )
    assert.deepEqual(new Set(told), new Set(gone), 'effects tell exactly the rows that went')
  }

  #checkTransaction(transaction: Transaction): void {
    const { branches, timeline, xid } = transaction
    const open = branches.filter((branch) => !branch.isEnded)
    assert.equal(open.length, transaction.openCount)
    for (const branch of branches) {
      if (branch.isEnded) this.#endedBranches.add(branch.branchId)
      else assert.ok(!this.#endedBranches.has(branch.branchId), 'a branch ends once')
    }
    assert.equal(timeline[0]?.kind, 'begun')
    assert.ok(timeline.length <= 7)
    if (transaction.ending !== null && !isSaga(transaction)) {
      const known = this.#closedBranchCounts.get(xid) ?? branches.length
      assert.equal(branches.length, known, 'no branch comes after the end')
      this.#closedBranchCounts.set(xid, known)
    }
    if (isCommitting(transaction.status)) assert.equal(lockCountOf(transaction), 0)
    if (!this.state.transactions.has(xid)) {
      assert.equal(transaction.openCount, 0, 'nothing is open when it has finished')
      assert.equal(timeline.at(-1)?.kind, 'ended')
      assert.notEqual(transaction.endedAt, null)
    }
  }
}

/** The id that a command brings with it. */
function idOf(command: Command): number {
  if (command.kind === 'begin') return command.transactionId
  return command.kind === 'registerBranch' ? command.branchId : 0
}

function checkLocks(state: CoordinatorState): void {
  let count = 0
  for (const transaction of state.transactions.values()) count += lockCountOf(transaction)
  assert.equal(state.locks.size, count)
  for (const lock of state.locks) {
    const holder = state.transactions.get(lock.xid)
    assert.ok(holder !== undefined, 'the holder of a lock has not finished')
    const owner = holder.branches.find((branch) => branch.branchId === lock.branchId)
    assert.ok(owner?.locks.includes(lock) && !owner.isEnded)
  }
}

function checkCounts(state: CoordinatorState): void {
  for (const status of Object.values(GlobalStatus)) {
    const same = [...state.transactions.values()].filter((one) => one.status === status)
    assert.equal(state.countOf(status), same.length)
  }
  assert.ok(state.transactions.size <= 6)
  assert.ok([...state.history()].length <= 5)
}

function throughCodec(command: Command): Command {
  const writer = new ByteWriter()
  encodeCommand(command, writer)
  return decodeCommand(new ByteReader(writer.take()))
}

function textOf(state: CoordinatorState): string {
  return new TextDecoder().decode(encodeSnapshot(state))
}

it('random walks keep the invariants, and replay to the same state from any snapshot', () => {
  const walks = fc.tuple(fc.array(choice, { minLength: 60, maxLength: 200 }), fc.nat())
  fc.assert(
    fc.property(walks, ([choices, cut]) => {
      const walk = new Walk()
      const replayed = new CoordinatorState(limits)
      const resumed = new CoordinatorState(limits)
      const cutAt = cut % (choices.length + 1)
      for (const [index, one] of choices.entries()) {
        if (index === cutAt) restoreSnapshot(resumed, encodeSnapshot(walk.state))
        walk.step(one)
        const command = throughCodec(walk.commands.at(-1) as Command)
        assert.deepEqual(command, walk.commands.at(-1))
        applyCommand(replayed, command)
        if (index >= cutAt) applyCommand(resumed, command)
      }
      assert.equal(textOf(replayed), textOf(walk.state))
      if (cutAt < choices.length) assert.equal(textOf(resumed), textOf(walk.state))
    }),
    { numRuns: 300, seed: 20_261_121 },
  )
})
