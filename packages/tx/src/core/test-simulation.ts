/**
 * A small estate for simulations: a coordinator shell on the pure core, databases with undo logs,
 * and a network that delays and loses. All in one thread on a clock that is moved by hand, all from
 * one seed. The shell is what a real one does, without sockets and files.
 */
import { ByteReader, ByteWriter } from '@settee/wire'
import { createManualClock, createSeededRandom, type ManualClock, type Random } from '@settee/kit'
import { parseLockKeys } from '../protocol/lock-key.ts'
import { BranchStatus, ExceptionCode } from '../protocol/status.ts'
import type { BranchOutcome, Command, RegisterBranchCommand } from './commands.ts'
import { refusalOf } from './coordinator.ts'
import { IdSequence } from './id-sequence.ts'
import { readLockOptions } from './lock-options.ts'
import { LockWaitQueue, type LockWaiter } from './lock-wait.ts'
import { createCoordinatorMachine, type CoordinatorMachine } from './machine.ts'
import { failedOutcome, PhaseTwo, type BranchCall } from './phase-two.ts'
import type { Refusal } from './refusal.ts'
import type { CommandResult, Effect } from './result.ts'
import type { LockRow } from './transaction.ts'

type Done<Answer> = (answer: Answer) => void

/** Time, chance and the network. */
export class Estate {
  readonly clock: ManualClock = createManualClock(1_700_000_000_000)
  readonly random: Random
  readonly databases: readonly Database[] = [new Database('a'), new Database('b')]
  /** What has been flushed: survives every crash of the coordinator. */
  readonly journal: Buffer[] = []
  snapshot: { readonly length: number; readonly bytes: Uint8Array } | null = null
  shell: Shell

  constructor(seed: number) {
    this.random = createSeededRandom(seed)
    this.shell = new Shell(this)
  }

  chance(share: number): boolean {
    return this.random.float() < share
  }

  after(maxMs: number, run: () => void): void {
    this.clock.after(this.random.below(maxMs), run)
  }

  /** Delivers late, or never. */
  send(deliver: () => void): void {
    if (!this.chance(0.03)) this.after(20, deliver)
  }

  /** Calls the coordinator; null when no answer came in time. */
  call<Answer>(
    ask: (shell: Shell, done: Done<Answer>) => void,
    timeoutMs: number,
    done: Done<Answer | null>,
  ): void {
    let isOpen = true
    const finish = (answer: Answer | null): void => {
      if (!isOpen) return
      isOpen = false
      done(answer)
    }
    this.clock.after(timeoutMs, () => finish(null))
    this.send(() => ask(this.shell, (answer) => this.send(() => finish(answer))))
  }

  crashCoordinator(): void {
    if (!this.shell.isAlive) return
    this.shell.isAlive = false
    this.clock.after(50, () => {
      this.shell = new Shell(this)
    })
  }
}

/** One AT database: rows, undo logs, and fences against phase one after the rollback. */
export class Database {
  readonly name: string
  readonly rows: Map<string, number> = new Map()
  readonly #undo = new Map<number, { xid: string; row: string; before: number; after: number }>()
  readonly #fences = new Set<number>()
  /** What each transaction has changed and not undone. */
  readonly deltas: Map<string, number> = new Map()
  isUp = true

  constructor(name: string) {
    this.name = name
  }

  get undoCount(): number {
    return this.#undo.size
  }

  /** The local commit; false when the branch was rolled back before it came. */
  phaseOne(change: { xid: string; branchId: number; row: string; delta: number }): boolean {
    const { xid, branchId, row, delta } = change
    if (!this.isUp || this.#fences.has(branchId)) return false
    const before = this.rows.get(row) ?? 0
    this.#undo.set(branchId, { xid, row, before, after: before + delta })
    this.rows.set(row, before + delta)
    this.deltas.set(xid, (this.deltas.get(xid) ?? 0) + delta)
    return true
  }

  phaseTwo(call: BranchCall): BranchStatus {
    const undo = this.#undo.get(call.branchId)
    this.#undo.delete(call.branchId)
    if (call.direction === 'commit') return BranchStatus.PhaseTwo_Committed
    this.#fences.add(call.branchId)
    if (undo !== undefined) {
      const now = this.rows.get(undo.row)
      if (now !== undo.after) throw new Error(`dirty row ${undo.row}: a global lock was broken`)
      this.rows.set(undo.row, undo.before)
      const delta = (this.deltas.get(undo.xid) ?? 0) - (undo.after - undo.before)
      this.deltas.set(undo.xid, delta)
    }
    return BranchStatus.PhaseTwo_Rollbacked
  }
}

interface Registration {
  readonly command: RegisterBranchCommand
  readonly done: Done<number | Refusal>
}

/** The coordinator process: journal, timers and calls around the pure core. */
export class Shell {
  readonly machine: CoordinatorMachine = createCoordinatorMachine()
  readonly ids: IdSequence
  readonly phaseTwo: PhaseTwo
  readonly waits: LockWaitQueue<Registration> = new LockWaitQueue()
  isAlive = true
  readonly #estate: Estate
  readonly #writer = new ByteWriter()
  #queue: { command: Command; done: Done<CommandResult> }[] = []

  constructor(estate: Estate) {
    this.#estate = estate
    this.#replay()
    const { state } = this.machine
    this.ids = new IdSequence(state.lastId)
    const retry = { minMs: 50, maxMs: 1000 }
    this.phaseTwo = new PhaseTwo(state, { random: estate.random, retry })
    this.phaseTwo.recover()
    this.#tick()
  }

  now(): number {
    return this.#estate.clock.now()
  }

  propose(command: Command, done: Done<CommandResult>): void {
    if (!this.isAlive) return
    this.#queue.push({ command, done })
    if (this.#queue.length === 1) this.#estate.after(4, () => this.#flush())
  }

  register(registration: Registration): void {
    this.#tryRegister(registration, null)
  }

  #replay(): void {
    const { journal, snapshot } = this.#estate
    if (snapshot !== null) this.machine.restore(snapshot.bytes)
    const start = snapshot?.length ?? 0
    for (const [index, record] of journal.slice(start).entries()) {
      this.machine.apply(this.machine.decode(new ByteReader(record)), start + index)
    }
  }

  #flush(): void {
    if (!this.isAlive) return
    const batch = this.#queue
    this.#queue = []
    for (const { command, done } of batch) {
      this.machine.encode(command, this.#writer)
      this.#estate.journal.push(this.#writer.take())
      const result = this.machine.apply(command, this.#estate.journal.length)
      this.phaseTwo.handle(result.effects, this.now())
      done(result)
      this.#wake(result.effects)
    }
    if (this.#estate.chance(0.02)) {
      const bytes = this.machine.snapshot()
      this.#estate.snapshot = { length: this.#estate.journal.length, bytes }
    }
  }

  #wake(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'locksReleased') this.#retryAll(this.waits.released(effect.locks))
      if (effect.kind !== 'holderRollsBack') continue
      for (const waiter of this.waits.holderRollsBack(effect.locks)) this.#refuseNow(waiter)
    }
  }

  #retryAll(waiters: readonly LockWaiter<Registration>[]): void {
    for (const waiter of waiters) this.#tryRegister(waiter.request, waiter)
  }

  #tryRegister(registration: Registration, waiter: LockWaiter<Registration> | null): void {
    const { state } = this.machine
    const command = { ...registration.command, now: this.now() }
    const refusal = refusalOf(state, command)
    const { xid, resourceId } = command
    const rows = parseLockKeys(command.lockKeys)
    const holds = (row: LockRow): boolean =>
      state.locks.get(row.resourceId, row.table, row.key)?.xid === xid
    const ahead = this.waits.rowAhead({ xid, resourceId, rows }, holds)
    const isFirst = ahead === null || waiter !== null
    if (refusal === null && isFirst) {
      this.propose(command, (result) => {
        if (result.refusal !== null) this.#parkOrRefuse(registration, waiter, result.refusal)
        else this.#answer(registration, waiter, command.branchId)
      })
    } else if (refusal !== null) {
      this.#parkOrRefuse(registration, waiter, refusal)
    } else {
      this.#park(registration, ahead as LockRow)
    }
  }

  #parkOrRefuse(
    registration: Registration,
    waiter: LockWaiter<Registration> | null,
    refusal: Refusal,
  ): void {
    const { conflict, code } = refusal
    if (conflict === null || code !== ExceptionCode.LockKeyConflict) {
      this.#answer(registration, waiter, refusal)
    } else if (waiter !== null) {
      this.#retryAll(this.waits.move(waiter, conflict.lock))
    } else {
      this.#park(registration, conflict.lock)
    }
  }

  #park(registration: Registration, row: LockRow): void {
    const { xid, applicationData } = registration.command
    const options = readLockOptions(applicationData)
    this.waits.park(registration, row, { xid, ...options, now: this.now() })
  }

  #answer(
    registration: Registration,
    waiter: LockWaiter<Registration> | null,
    answer: number | Refusal,
  ): void {
    registration.done(answer)
    if (waiter !== null) this.#retryAll(this.waits.leave(waiter))
  }

  /** What a waiter that has left is told: why it could not register just now. */
  #refuseNow(waiter: LockWaiter<Registration>): void {
    const { command, done } = waiter.request
    const refusal = refusalOf(this.machine.state, { ...command, now: this.now() })
    if (refusal !== null) done(refusal)
  }

  #tick(): void {
    if (!this.isAlive) return
    const now = this.now()
    for (const xid of this.phaseTwo.takeTimeouts(now)) {
      this.propose({ kind: 'timeOut', xid, now }, ignore)
    }
    for (const call of this.phaseTwo.takeCalls(now)) this.#callDatabase(call)
    const { expired, next } = this.waits.expire(now)
    for (const waiter of expired) this.#refuseNow(waiter)
    this.#retryAll(next)
    this.#estate.clock.after(10, () => this.#tick())
  }

  #callDatabase(call: BranchCall): void {
    const estate = this.#estate
    const database = estate.databases.find((one) => one.name === call.resourceId) as Database
    let isOpen = true
    const finish = (outcome: BranchOutcome): void => {
      if (!isOpen) return
      isOpen = false
      this.propose({ kind: 'branchesEnded', outcomes: [outcome], now: this.now() }, ignore)
    }
    estate.clock.after(300, () => finish(failedOutcome(call, 'no answer within 300 ms')))
    estate.send(() => {
      if (!database.isUp) return
      if (estate.chance(0.1)) {
        estate.send(() => finish(failedOutcome(call, 'deadlock in the database')))
        return
      }
      const { xid, branchId } = call
      const status = database.phaseTwo(call)
      estate.send(() => finish({ xid, branchId, status, error: '' }))
    })
  }
}

function ignore(): void {}
