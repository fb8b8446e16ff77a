/**
 * A connection of an {@link AtPool}. Outside of global transactions it hands everything to the
 * driver; inside one it keeps the statements in order, gives each what its plan asks for, and turns
 * BEGIN … COMMIT into a branch.
 */
import { isSetteeError, type SetteeError } from '@settee/kit'
import { branchXid } from '../../branch-context.ts'
import { txError } from '../../../errors.ts'
import type { AtEnvironment } from './environment.ts'
import { retryOnConflict, type Conflict } from '../global-lock.ts'
import { prepareChange } from './images.ts'
import {
  awaitLocked,
  commitBranch,
  forgetTables,
  isNoWait,
  rollBack,
  runAlone,
} from './local-branch.ts'
import { LocalTransaction } from '../local-transaction.ts'
import {
  answer,
  ignoreError,
  passQuery,
  readQueryCall,
  transactionStatus,
  withOwn,
  type PgClient,
  type PgQuery,
  type PgResult,
  type PgSubmittable,
} from './pg-driver.ts'
import {
  isChangePlan,
  isTransactionPlan,
  type ChangePlan,
  type ManyPlan,
  type SinglePlan,
} from './plan.ts'
import { refuse } from '../refuse.ts'
import type { TransactionPlan } from './statement-kinds.ts'

export class AtClient {
  readonly #environment: AtEnvironment
  readonly #driver: PgClient
  #local: LocalTransaction | undefined
  /** The last statement under way; the next one runs behind it. */
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #isReleased = false
  /** {@link AtPool.transaction} has ended: no statement may run behind it, in no transaction. */
  #isOver = false

  /** Why the last local transaction met a global lock; undefined when it did not. */
  conflict: Conflict | undefined
  /** Why the last local transaction could only be rolled back, as far as it is known. */
  failure: Error | undefined

  constructor(environment: AtEnvironment, driver: PgClient) {
    this.#environment = environment
    this.#driver = driver
  }

  /** The driver's client with this object's `query` and `release`. */
  asClient(): PgClient {
    return withOwn(this.#driver, {
      query: (...args: unknown[]) => this.query(args),
      release: (error?: Error | boolean) => this.release(error),
    })
  }

  /** Runs a query of a pool that needs one connection for all of it. */
  run(query: PgQuery): Promise<PgResult> {
    const xid = branchXid()
    return this.#enqueue(() => this.#run(query, xid))
  }

  query(args: readonly unknown[]): unknown {
    const xid = branchXid()
    if (this.#isOver) return answer(Promise.reject(isOver()), readQueryCall(args).callback)
    if (xid === undefined && this.#local === undefined && this.#waiting === 0) {
      return passQuery(this.#driver, args)
    }
    const { query, submittable, callback } = readQueryCall(args)
    if (submittable !== undefined) return this.#submit(submittable, args, xid)
    if (query === undefined) return passQuery(this.#driver, args)
    return answer(
      this.#enqueue(() => this.#run(query, xid)),
      callback,
    )
  }

  /** What sends itself goes past the undo log, so it may only read. */
  #submit(
    submittable: PgSubmittable,
    args: readonly unknown[],
    xid: string | undefined,
  ): PgSubmittable {
    this.#enqueue(async () => {
      if (this.#isOver) throw isOver()
      if (this.#local?.failure !== undefined) throw this.#local.failure
      if (xid !== undefined || this.#local !== undefined) await this.#checkReads(submittable)
      // The driver keeps what comes behind it waiting until all of it is read.
      passQuery(this.#driver, args)
    }).catch((error: unknown) => submittable.handleError(error))
    return submittable
  }

  async #checkReads({ text, cursor }: PgSubmittable): Promise<void> {
    const plan = await this.#environment.planOf(this.#driver, text ?? cursor?.text ?? '')
    if (plan.kind !== 'PASS') throw refuseCursor()
    await this.#environment.functions.check(this.#driver, plan.calls)
  }

  /** Gives the connection back; a transaction that is still open is rolled back before. */
  release(error?: Error | boolean): void {
    if (this.#isReleased) {
      throw new Error('Release called on client which has already been released to the pool.')
    }
    this.#isReleased = true
    const isOpen = this.#local !== undefined || this.#waiting > 0
    if ((error !== undefined && error !== false) || !isOpen) {
      this.#driver.release(error)
      return
    }
    void this.#enqueue(async () => {
      if (this.#local !== undefined) await this.#driver.query({ text: 'ROLLBACK' })
    }).then(
      () => this.#driver.release(),
      () => this.#driver.release(true),
    )
  }

  /** Runs `work` when everything before it has ended. */
  #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#waiting++
    const running = this.#tail.then(work).finally(() => this.#waiting--)
    this.#tail = running.catch(() => {})
    return running
  }

  async #run(query: PgQuery, xid: string | undefined): Promise<PgResult> {
    if (this.#isOver) throw isOver()
    if (xid === undefined && this.#local === undefined) return this.#driver.query(query)
    const plan = await this.#environment.planOf(this.#driver, query.text)
    if (plan.kind === 'MANY') return this.#runMany(plan, query, xid)
    return this.#runPlanned(plan, query, xid)
  }

  async #runPlanned(plan: SinglePlan, query: PgQuery, xid: string | undefined): Promise<PgResult> {
    const local = this.#local
    if (plan.kind === 'ROLLBACK') {
      this.#local = undefined
      return this.#driver.query(query)
    }
    if (local !== undefined) {
      if (local.xid !== xid) throw otherTransaction(local.xid, xid)
      return this.#runInside(local, plan, query)
    }
    if (isTransactionPlan(plan)) return this.#begin(plan, query, xid!)
    if (plan.kind === 'PASS') {
      await this.#environment.functions.check(this.#driver, plan.calls)
      return this.#driver.query(query)
    }
    return this.#runAlone(plan, query, xid!)
  }

  /**
   * Several statements of one string. The server makes one transaction of them, unless they begin
   * and end their own.
   */
  async #runMany(plan: ManyPlan, query: PgQuery, xid: string | undefined): Promise<PgResult> {
    // With values, the server refuses them.
    if ((query.values ?? []).length > 0) return this.#driver.query(query)
    const kinds = plan.statements.map((one) => one.plan)
    if (this.#local !== undefined || kinds[0]!.kind === 'BEGIN') {
      return this.#runEach(plan, query, xid)
    }
    if (kinds.some(isTransactionPlan)) {
      throw refuse(
        'a string that ends a transaction between its statements',
        'what came before it would be a branch of its own',
        'begin it with BEGIN, or send the statements one by one',
      )
    }
    return retryOnConflict(this.#environment, xid!, async () => {
      try {
        await this.#runPlanned({ kind: 'BEGIN' }, { text: 'BEGIN' }, xid)
        const result = await this.#runEach(plan, query, xid)
        await this.#commit(this.#local!)
        return { result }
      } catch (error) {
        if (this.#local !== undefined) {
          this.#local = undefined
          await rollBack(this.#driver, error)
        }
        if (this.conflict !== undefined) return { conflict: this.conflict }
        throw error
      }
    })
  }

  async #runEach(plan: ManyPlan, query: PgQuery, xid: string | undefined): Promise<PgResult> {
    const results: PgResult[] = []
    for (const one of plan.statements) {
      const text = { ...query, text: one.text }
      results.push(await this.#runPlanned(one.plan, text, xid))
    }
    // What the driver gives for several statements, though its type does not say so.
    return results as unknown as PgResult
  }

  async #begin(plan: TransactionPlan, query: PgQuery, xid: string): Promise<PgResult> {
    const result = await this.#driver.query(query)
    if (plan.kind === 'BEGIN') {
      this.#local = new LocalTransaction(xid)
      this.conflict = undefined
      this.failure = undefined
    }
    return result
  }

  async #runAlone(plan: ChangePlan, query: PgQuery, xid: string): Promise<PgResult> {
    const status = await transactionStatus(this.#driver)
    if (status === 'T' || status === 'E') throw otherTransaction(undefined, xid)
    return retryOnConflict(this.#environment, xid, () =>
      this.#listening(() => runAlone(this.#environment, this.#driver, { xid, plan, query })),
    )
  }

  async #runInside(local: LocalTransaction, plan: SinglePlan, query: PgQuery): Promise<PgResult> {
    if (plan.kind === 'COMMIT') return this.#commit(local)
    if (local.failure !== undefined && plan.kind !== 'ROLLBACK TO') {
      // A server that knows of the failure says so itself, with its own code. It is asked with a
      // text of ours: the user's must not run, whatever the server thinks.
      if ((await transactionStatus(this.#driver)) === 'E') await this.#driver.query(nothing)
      throw local.failure
    }
    if (isChangePlan(plan)) return this.#change(local, plan, query)
    if (plan.kind === 'PASS') await this.#environment.functions.check(this.#driver, plan.calls)
    const result = await this.#guard(local, () => this.#driver.query(query))
    if (plan.kind === 'SAVEPOINT') local.savepoint(plan.savepoint)
    if (plan.kind === 'ROLLBACK TO') {
      local.rollbackTo(plan.savepoint)
      this.conflict = local.conflict
    }
    if (plan.kind === 'RELEASE') local.release(plan.savepoint)
    return result
  }

  async #change(local: LocalTransaction, plan: ChangePlan, query: PgQuery): Promise<PgResult> {
    const environment = this.#environment
    let change
    try {
      change = await prepareChange(environment, this.#driver, plan, query)
    } catch (error) {
      // A refusal came before anything ran, so that the transaction may go on.
      if (!isSetteeError(error)) local.failure = error as Error
      throw error
    }
    return this.#guard(local, async () => {
      const { result, undo, locked } = await change()
      local.add(undo)
      const waitMs = isNoWait(plan) ? 0 : environment.limits.lockWaitWithRowLocksMs
      local.conflict = await this.#listening(() =>
        awaitLocked(environment, local.xid, locked, waitMs),
      )
      if (local.conflict !== undefined) throw local.conflict.error
      return result
    })
  }

  async #commit(local: LocalTransaction): Promise<PgResult> {
    this.#local = undefined
    if (local.failure !== undefined) {
      this.conflict = local.conflict
      this.failure = local.failure
      return this.#driver.query({ text: 'ROLLBACK' })
    }
    const lockWaitMs = this.#environment.limits.lockWaitWithRowLocksMs
    const outcome = await this.#listening(() =>
      commitBranch(this.#environment, this.#driver, local, lockWaitMs),
    )
    if ('result' in outcome) return outcome.result
    this.conflict = outcome.conflict
    throw outcome.conflict.error
  }

  /** After an error in a transaction it can only be rolled back, also if the server would go on. */
  async #guard(local: LocalTransaction, work: () => Promise<PgResult>): Promise<PgResult> {
    try {
      return await work()
    } catch (error) {
      local.failure ??= error as Error
      this.conflict = local.conflict
      forgetTables(this.#environment, error)
      throw error
    }
  }

  /** Nothing is sent while the coordinator is asked: nobody hears of a broken connection then. */
  async #listening<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#driver.on('error', ignoreError)
    try {
      return await work()
    } finally {
      this.#driver.removeListener('error', ignoreError)
    }
  }

  /** Begins what {@link AtPool.transaction} runs. */
  async begin(): Promise<void> {
    const xid = branchXid()
    await this.#enqueue(() => this.#run({ text: 'BEGIN' }, xid))
  }

  /** Commits it behind everything that was sent; what is sent later is refused. */
  async commit(): Promise<PgResult> {
    return this.#enqueue(async () => {
      this.#isOver = true
      const local = this.#local
      return local === undefined ? this.#driver.query({ text: 'COMMIT' }) : this.#commit(local)
    })
  }

  /** Rolls it back after `error`; what was sent and has not begun is refused. */
  async rollBack(error: unknown): Promise<void> {
    this.#isOver = true
    await this.#enqueue(async () => {
      if (this.#local === undefined) return
      this.#local = undefined
      await rollBack(this.#driver, error)
    })
  }
}

/** In a failed transaction the server refuses this, as it refuses everything. */
const nothing: PgQuery = { text: 'SELECT' }

function isOver(): SetteeError {
  return txError(
    'SETTEE_TX_BAD_QUERY',
    'a statement came after its pool.transaction had ended; wait for every statement inside of it',
  )
}

function refuseCursor(): Error {
  return refuse(
    'a Query object or cursor that does more than read',
    'it speaks to the server by itself, past the undo log',
    'use query(text, values), or run it outside of the transaction',
  )
}

function otherTransaction(began: string | undefined, xid: string | undefined): SetteeError {
  const where = (one: string | undefined): string =>
    one === undefined ? 'outside of any global transaction' : `in the global transaction ${one}`
  return txError(
    'SETTEE_TX_UNSUPPORTED_SQL',
    `the local transaction began ${where(began)}, but a statement came ${where(xid)}; ` +
      'end the local transaction before the global one changes',
  )
}
