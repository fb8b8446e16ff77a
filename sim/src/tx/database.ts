/**
 * A database as a model: rows by key, row locks with a queue, local transactions that write at
 * commit. It can crash (what is open is lost, a commit on its way may have happened), be slow, and
 * stop answering for a while.
 */
import type { Chance } from '../world/chance.ts'
import type { EventQueue, Scheduled } from '../world/event-queue.ts'
import type { SimulatedProcess } from '../world/simulated-process.ts'

export interface Change {
  readonly account: string
  readonly before: number
  readonly after: number
}

export type FenceStatus = 'tried' | 'committed' | 'rolledBack' | 'suspended'
export type SagaStatus = 'running' | 'done' | 'undone'

export interface UndoRow {
  readonly kind: 'undo'
  readonly xid: string
  readonly branchId: number
  readonly changes: readonly Change[]
  /** A defence row: it keeps a late phase one from committing. */
  readonly isDefence: boolean
}

export type Row =
  | { readonly kind: 'account'; readonly balance: number }
  | UndoRow
  | { readonly kind: 'fence'; readonly status: FenceStatus; readonly delta: number }
  /** A prepared branch. */
  | { readonly kind: 'xa'; readonly delta: number }
  | { readonly kind: 'saga'; readonly status: SagaStatus; readonly deltas: readonly number[] }

export class DatabaseError extends Error {
  /** False when nobody knows whether the statement took effect. */
  readonly isCertain: boolean
  readonly isDuplicate: boolean

  constructor(message: string, options: { isCertain: boolean; isDuplicate?: boolean }) {
    super(message)
    this.isCertain = options.isCertain
    this.isDuplicate = options.isDuplicate === true
  }
}

interface LockWaiter {
  readonly transaction: LocalTransaction
  readonly grant: () => void
  readonly refuse: (error: DatabaseError) => void
  readonly timer: Scheduled
}

interface RowLock {
  holder: LocalTransaction
  readonly waiters: LockWaiter[]
}

export class SimulatedDatabase {
  readonly name: string
  readonly rows: Map<string, Row> = new Map()
  readonly queue: EventQueue
  readonly chance: Chance
  isUp = true
  /** Statements take this much longer. */
  slowness = 1
  /** Nothing is answered before this instant, in ms. */
  hangsUntilMs = 0
  /** Undo logs cannot be read before this instant, in ms: phase two fails, phase one goes on. */
  undoFailsUntilMs = 0
  /** Told what a local transaction is about to write. */
  onCommit: (writes: ReadonlyMap<string, Row | undefined>) => void = () => {}
  /** @internal */
  readonly locks: Map<string, RowLock> = new Map()
  readonly #open = new Set<LocalTransaction>()
  /** @internal Ended, but their clients have not heard of it. */
  readonly unanswered: Set<LocalTransaction> = new Set()

  constructor(name: string, queue: EventQueue, chance: Chance) {
    this.name = name
    this.queue = queue
    this.chance = chance
  }

  /** Connects and begins. */
  async begin(process: SimulatedProcess): Promise<LocalTransaction> {
    const transaction = new LocalTransaction(this, process)
    this.#open.add(transaction)
    await transaction.step(() => undefined)
    return transaction
  }

  /** Loses what is not committed; up again after `downMs`. */
  crash(downMs: number): void {
    this.isUp = false
    const open = [...this.#open, ...this.unanswered]
    this.#open.clear()
    this.unanswered.clear()
    this.locks.clear()
    for (const transaction of open) transaction.lose()
    this.queue.after(downMs, () => {
      this.isUp = true
    })
  }

  /** The connections of a process that died are found broken after a while. */
  processDied(process: SimulatedProcess): void {
    for (const transaction of this.#open) {
      if (transaction.process !== process) continue
      this.queue.after(this.chance.between(1, 1500), () => {
        if (this.#open.has(transaction)) this.close(transaction)
      })
    }
  }

  /** @internal How long a statement takes, one way, in ms. */
  latencyMs(): number {
    const hangMs = Math.max(this.hangsUntilMs - this.queue.nowMs, 0)
    return hangMs + this.chance.between(0.1, 0.6) * this.slowness
  }

  /** @internal Ends a local transaction: its locks go to those who wait. */
  close(transaction: LocalTransaction): void {
    transaction.isOver = true
    this.#open.delete(transaction)
    for (const key of transaction.lockedKeys) {
      const lock = this.locks.get(key)
      if (lock?.holder !== transaction) continue
      // One whose client has died may still stand there.
      let next = lock.waiters.shift()
      while (next?.transaction.isOver === true) next = lock.waiters.shift()
      if (next === undefined) {
        this.locks.delete(key)
        continue
      }
      next.timer.cancel()
      lock.holder = next.transaction
      next.transaction.lockedKeys.add(key)
      next.grant()
    }
  }
}

export class LocalTransaction {
  readonly process: SimulatedProcess
  /** @internal */
  readonly lockedKeys: Set<string> = new Set()
  isOver = false
  readonly #database: SimulatedDatabase
  readonly #life: number
  readonly #writes = new Map<string, Row | undefined>()
  readonly #rejects = new Set<(error: DatabaseError) => void>()

  constructor(database: SimulatedDatabase, process: SimulatedProcess) {
    this.#database = database
    this.process = process
    this.#life = process.life
  }

  /** Locks a row for update and reads it. */
  async lock(key: string, timeoutMs: number): Promise<Row | undefined> {
    await this.step(() => undefined)
    await this.#acquire(key, timeoutMs)
    return this.#read(key)
  }

  /** Reads a row for update; one that is not there cannot be locked. */
  async find(key: string, timeoutMs: number): Promise<Row | undefined> {
    const isThere = await this.step(() => this.#database.rows.has(key))
    if (!isThere) return undefined
    await this.#acquire(key, timeoutMs)
    return this.#read(key)
  }

  /** @throws a duplicate when the key is taken, after whoever is writing it has ended. */
  async insert(key: string, row: Row, timeoutMs: number): Promise<void> {
    await this.step(() => undefined)
    await this.#acquire(key, timeoutMs)
    if (this.#read(key) !== undefined) {
      throw new DatabaseError(`${key} is there already`, { isCertain: true, isDuplicate: true })
    }
    this.#writes.set(key, row)
  }

  /** Writes a row that is locked; undefined deletes it. */
  write(key: string, row: Row | undefined): void {
    this.#writes.set(key, row)
  }

  async commit(): Promise<void> {
    const database = this.#database
    await this.step(() => {
      database.onCommit(this.#writes)
      for (const [key, row] of this.#writes) {
        if (row === undefined) database.rows.delete(key)
        else database.rows.set(key, row)
      }
      database.close(this)
    })
  }

  /** Never rejects. */
  async rollback(): Promise<void> {
    if (this.isOver) return
    await this.step(() => this.#database.close(this)).catch(() => undefined)
  }

  /** @internal The server has gone. */
  lose(): void {
    this.isOver = true
    const rejects = [...this.#rejects]
    this.#rejects.clear()
    const error = new DatabaseError(`${this.#database.name}: connection lost`, { isCertain: false })
    for (const reject of rejects) this.#tell(() => reject(error))
  }

  /** @internal One statement: there, at work, and back again. */
  step<Result>(work: () => Result): Promise<Result> {
    const database = this.#database
    const { queue } = database
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject)
      queue.after(database.latencyMs(), () => {
        if (this.isOver || !database.isUp) {
          this.#rejects.delete(reject)
          const why = `${database.name}: no connection`
          this.#tell(() => reject(new DatabaseError(why, { isCertain: false })))
          return
        }
        const result = work()
        // The answer can still get lost, and with it the knowledge of what happened.
        if (this.isOver) database.unanswered.add(this)
        queue.after(database.latencyMs(), () => {
          database.unanswered.delete(this)
          if (this.#rejects.delete(reject)) this.#tell(() => resolve(result))
        })
      })
    })
  }

  #tell(settle: () => void): void {
    if (this.process.isIn(this.#life)) settle()
  }

  #read(key: string): Row | undefined {
    return this.#writes.has(key) ? this.#writes.get(key) : this.#database.rows.get(key)
  }

  #acquire(key: string, timeoutMs: number): Promise<void> | undefined {
    const { locks, queue } = this.#database
    const lock = locks.get(key)
    if (lock === undefined) {
      locks.set(key, { holder: this, waiters: [] })
      this.lockedKeys.add(key)
      return undefined
    }
    if (lock.holder === this) return undefined
    return new Promise((resolve, reject) => {
      const settle = (run: () => void): void => {
        if (this.#rejects.delete(reject)) this.#tell(run)
      }
      this.#rejects.add(reject)
      const timer = queue.after(timeoutMs, () => {
        const index = lock.waiters.indexOf(waiter)
        if (index === -1) return
        lock.waiters.splice(index, 1)
        waiter.refuse(new DatabaseError(`lock timeout on ${key}`, { isCertain: true }))
      })
      const waiter: LockWaiter = {
        transaction: this,
        grant: () => settle(resolve),
        refuse: (error) => settle(() => reject(error)),
        timer,
      }
      lock.waiters.push(waiter)
    })
  }
}
