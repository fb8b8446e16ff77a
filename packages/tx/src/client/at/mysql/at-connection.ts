/**
 * AT mode on one connection: gives each statement inside a global transaction what its plan asks
 * for, and turns START TRANSACTION … COMMIT, and what runs under autocommit = 0, into a branch. A
 * statement under autocommit is a branch of its own; so are, together, several statements in one
 * string and the rows of a batch.
 *
 * The server rolls back a statement that fails, and the transaction goes on. When a statement
 * has run and what is needed to undo it could not be read, the transaction can only be rolled back.
 */
import { txError } from '../../../errors.ts'
import type { SetteeError } from '@settee/kit'
import { parseSqlMode, type MysqlMode } from '@settee/sql/mysql'
import { retryOnConflict, type Conflict, type Outcome } from '../global-lock.ts'
import { LocalTransaction } from '../local-transaction.ts'
import { refuse } from '../refuse.ts'
import {
  ServerStatus,
  type AtConnection,
  type MysqlSession,
  type SessionState,
  type StatementCall,
  type StatementResult,
} from './driver/session.ts'
import type { AtEnvironment } from './environment.ts'
import type { Execution } from './execution.ts'
import {
  awaitLocked,
  checkLocked,
  commitBranch,
  forgetTables,
  isFatal,
  rollBack,
} from './local-branch.ts'
import type { AutocommitPlan, ChangePlan, Plan, TransactionPlan } from './plan.ts'
import { prepareChange } from './prepare-change.ts'
import { bindText, nameValues, type Fragment, type OwnValue } from './sql-fragment.ts'
import { errnoOf } from './table-meta.ts'

/** One statement of a call, or one row of its batch. */
interface Step {
  readonly plan: Plan
  readonly values: readonly unknown[]
  readonly ownValues: readonly OwnValue[]
  /** It is all that the call has, so that the driver can run it as it came. */
  readonly isWhole: boolean
  /** Its answer comes behind those of others. */
  readonly isAppended: boolean
}

interface Running {
  readonly call: StatementCall
  readonly state: SessionState
  readonly xid: string
}

export function createAtConnection(
  environment: AtEnvironment,
  session: MysqlSession,
): AtConnection {
  return new OpenConnection(environment, session)
}

class OpenConnection implements AtConnection {
  readonly #environment: AtEnvironment
  readonly #session: MysqlSession
  #local: LocalTransaction | undefined
  #checked = new Set<string>()
  #lastInsertId = '0'
  #takesSeveral: boolean | undefined

  constructor(environment: AtEnvironment, session: MysqlSession) {
    this.#environment = environment
    this.#session = session
  }

  get isOpen(): boolean {
    return this.#local !== undefined
  }

  async handle(call: StatementCall): Promise<void> {
    const state = await this.#session.state()
    const plans = this.#environment.planOf(call.sql, modeOf(state))
    if (plans.length > 1 && !(await this.#canTakeSeveral(call))) {
      // The server refuses the text as a whole, with its own error.
      await call.run()
      throw refuse('several statements in one string', 'the server takes one', 'send each alone')
    }
    const { xid } = call
    if (xid === undefined && this.#local === undefined) {
      await call.run()
      return
    }
    const [first] = plans
    if (first === undefined) {
      await call.run()
      return
    }
    const isRollback = first.kind === 'TRANSACTION' && first.action === 'rollback'
    const began = this.#local?.xid
    if (began !== undefined && began !== xid && !(isRollback && plans.length === 1)) {
      throw otherTransaction(began, xid)
    }
    const running = { call, state, xid: xid ?? began! }
    const steps = await stepsOf(call, plans)
    const isDivided = plans.some(({ kind }) => kind === 'TRANSACTION' || kind === 'AUTOCOMMIT')
    if (this.#local === undefined && !isDivided) await this.#runOutside(running, steps)
    else for (const step of steps) await this.#runInside(running, step)
  }

  async release(): Promise<void> {
    this.#local = undefined
    await this.#session.run('ROLLBACK')
  }

  reset(): void {
    this.#local = undefined
  }

  // -------------------------------------------------------------- outside of a local transaction

  async #runOutside(running: Running, steps: readonly Step[]): Promise<void> {
    const { state, xid } = running
    if (state.isInTransaction) throw otherTransaction(undefined, xid)
    if (!state.isAutocommit) {
      this.#begin(xid)
      for (const step of steps) await this.#runInside(running, step)
      return
    }
    if (steps.every(({ plan }) => plan.kind === 'PASS')) {
      for (const step of steps) {
        await this.#environment.routines.check(this.#session, step.plan.calls)
        await runStep(running, step, step.plan.text)
      }
      return
    }
    running.call.buffer()
    await retryOnConflict(this.#environment, xid, () => this.#attempt(running, steps))
  }

  /** Runs the steps as a branch of their own. */
  async #attempt(running: Running, steps: readonly Step[]): Promise<Outcome<void>> {
    const environment = this.#environment
    const session = this.#session
    const local = new LocalTransaction(running.xid)
    this.#checked = new Set()
    this.#lastInsertId = '0'
    const prepared = []
    for (const step of steps) prepared.push(await this.#prepare(running, step))
    await session.run('START TRANSACTION')
    try {
      for (const change of prepared) {
        const { undo, locked } = await change()
        local.add(undo)
        const conflict = await checkLocked(environment, running.xid, locked)
        if (conflict === undefined) continue
        await rollBack(session, conflict.error)
        return { conflict }
      }
    } catch (error) {
      await rollBack(session, error)
      forgetTables(environment, error)
      throw error
    }
    return commitBranch(environment, session, local, {
      commit: () => session.run('COMMIT'),
      lockWaitMs: 0,
      lastInsertId: this.#lastInsertId,
    })
  }

  // --------------------------------------------------------------- inside of a local transaction

  async #runInside(running: Running, step: Step): Promise<void> {
    const { plan } = step
    const local = this.#local
    if (plan.kind === 'TRANSACTION' && plan.action === 'rollback') {
      this.#local = undefined
      await runStep(running, step, plan.text)
      return
    }
    if (local === undefined) return this.#runBetween(running, step)
    if (plan.kind === 'TRANSACTION' && plan.action === 'commit') {
      return this.#commit(local, () => runStep(running, step, plan.text))
    }
    const isBack = plan.kind === 'TRANSACTION' && plan.action === 'rollbackToSavepoint'
    if (local.failure !== undefined && !isBack) throw local.failure
    if (plan.kind === 'TRANSACTION') return this.#divide(running, local, step, plan)
    if (plan.kind === 'AUTOCOMMIT') return this.#setAutocommit(running, local, step, plan)
    return this.#change(running, local, step)
  }

  /** What a text with transaction statements does while none is open. */
  async #runBetween(running: Running, step: Step): Promise<void> {
    const { plan } = step
    if (plan.kind === 'TRANSACTION' || plan.kind === 'AUTOCOMMIT') {
      const { isInTransaction } = await this.#session.state()
      if (isInTransaction && plan.kind === 'AUTOCOMMIT') {
        throw otherTransaction(undefined, running.xid)
      }
      if (isInTransaction && plan.kind === 'TRANSACTION' && plan.action === 'begin') {
        throw otherTransaction(undefined, running.xid)
      }
      await runStep(running, step, plan.text)
      if (plan.kind === 'TRANSACTION' && plan.action === 'begin') this.#begin(running.xid)
      return
    }
    const state = await this.#session.state()
    await this.#runOutside({ ...running, state }, [step])
  }

  #begin(xid: string): void {
    this.#local = new LocalTransaction(xid)
    this.#checked = new Set()
    this.#lastInsertId = '0'
  }

  async #divide(
    running: Running,
    local: LocalTransaction,
    step: Step,
    { action, savepoint }: TransactionPlan,
  ): Promise<void> {
    if (action === 'begin') {
      throw refuse(
        'START TRANSACTION in a transaction',
        'it commits the one that is open',
        'send COMMIT before, or use SAVEPOINT',
      )
    }
    await runStep(running, step, step.plan.text)
    // The server compares names of savepoints without regard to case.
    const name = savepoint.toLowerCase()
    if (action === 'savepoint') local.savepoint(name)
    if (action === 'rollbackToSavepoint') local.rollbackTo(name)
    if (action === 'releaseSavepoint') local.release(name)
  }

  /** Turning autocommit on commits what is open; turning it off begins nothing yet. */
  async #setAutocommit(
    running: Running,
    local: LocalTransaction,
    step: Step,
    { isOn, text }: AutocommitPlan,
  ): Promise<void> {
    const { isAutocommit } = await this.#session.state()
    if (isOn && !isAutocommit) {
      return this.#commit(local, () => runStep(running, step, text))
    }
    await runStep(running, step, text)
  }

  async #commit(local: LocalTransaction, commit: () => Promise<unknown>): Promise<void> {
    this.#local = undefined
    if (local.failure !== undefined) {
      await rollBack(this.#session, local.failure)
      throw local.failure
    }
    const outcome = await commitBranch(this.#environment, this.#session, local, {
      commit,
      lockWaitMs: this.#environment.limits.lockWaitWithRowLocksMs,
      lastInsertId: this.#lastInsertId,
    })
    if ('conflict' in outcome) throw outcome.conflict.error
  }

  async #change(running: Running, local: LocalTransaction, step: Step): Promise<void> {
    const environment = this.#environment
    let hasRun = false
    try {
      const change = await this.#prepare(running, step, () => (hasRun = true))
      const { undo, locked } = await change()
      local.add(undo)
      const conflict = await awaitLocked(environment, local.xid, locked)
      if (conflict !== undefined) this.#fail(local, conflict)
    } catch (error) {
      forgetTables(environment, error)
      // What has run and cannot be undone must not be committed.
      if (hasRun || isFatal(error)) local.failure ??= error as Error
      else await this.#checkOpen(running, local, error)
      throw error
    }
  }

  #fail(local: LocalTransaction, conflict: Conflict): never {
    local.conflict = conflict
    throw conflict.error
  }

  /** A deadlock and the like end the whole transaction, so that a later COMMIT would be a lie. */
  async #checkOpen({ state }: Running, local: LocalTransaction, error: unknown): Promise<void> {
    if (errnoOf(error) === undefined || this.#session.isClosed) return
    const { serverStatus } = await this.#session.run('DO 0')
    if (serverStatus === -1 || (serverStatus & ServerStatus.IN_TRANSACTION) !== 0) return
    // Under autocommit = 0 a transaction begins with the first statement that does something.
    if (!state.isAutocommit && local.statements.length === 0) this.#local = undefined
    else local.failure = error as Error
  }

  // ------------------------------------------------------------------------------------ one step

  async #prepare(
    running: Running,
    step: Step,
    onRun: () => void = () => {},
  ): ReturnType<typeof prepareChange> {
    const { plan } = step
    const environment = this.#environment
    const session = this.#session
    const run = async (fragment: Fragment): Promise<StatementResult> => {
      const result = await runStep(running, step, fragment)
      onRun()
      if (result.insertId !== '0') this.#lastInsertId = result.insertId
      return result
    }
    if (!isChangePlan(plan)) {
      await environment.routines.check(session, plan.calls)
      return async () => {
        await run(plan.text)
        return { undo: [] }
      }
    }
    const execution: Execution = {
      environment,
      session,
      state: running.state,
      values: step.ownValues,
      run,
      buffer: () => running.call.buffer(),
      checked: this.#checked,
    }
    return prepareChange(execution, plan)
  }

  /**
   * Whether the server takes several statements in one string from this client: if it does not,
   * they must not run one by one either, because that is what keeps injected ones out.
   */
  async #canTakeSeveral(call: StatementCall): Promise<boolean> {
    if (call.isPrepared) return false
    if (this.#takesSeveral === undefined) {
      try {
        await this.#session.run('DO 0; SET @@settee_is_no_variable = 0')
        this.#takesSeveral = true
      } catch (error) {
        this.#takesSeveral = errnoOf(error) === unknownVariable
      }
    }
    return this.#takesSeveral
  }
}

const unknownVariable = 1193

function isChangePlan(plan: Plan): plan is ChangePlan {
  return plan.kind !== 'PASS' && plan.kind !== 'TRANSACTION' && plan.kind !== 'AUTOCOMMIT'
}

function runStep(
  { call }: Running,
  { plan, values, isWhole, isAppended }: Step,
  fragment: Fragment,
): Promise<StatementResult> {
  if (isWhole && fragment === plan.text) return call.run()
  return call.run(bindText(fragment, values), { isAppended })
}

async function stepsOf(call: StatementCall, plans: readonly Plan[]): Promise<readonly Step[]> {
  const rows = call.batch ?? [call.values]
  const named = await nameValues(rows.flat(), (text) => call.run(text))
  let start = 0
  return rows.flatMap((values, row) => {
    const ownValues = named.slice(start, (start += values.length))
    return plans.map((plan, i) => ({
      plan,
      values,
      ownValues,
      isWhole: plans.length === 1 && call.batch === undefined,
      isAppended: row > 0 || i > 0,
    }))
  })
}

function modeOf({ sqlMode, hasNoBackslashEscapes, hasAnsiQuotes }: SessionState): MysqlMode {
  let mode: MysqlMode
  try {
    mode = parseSqlMode(sqlMode)
  } catch {
    throw refuse(
      'a statement',
      `its meaning under sql_mode ${sqlMode} is not known`,
      'remove ORACLE or MSSQL from the sql_mode of the session',
    )
  }
  return {
    ...mode,
    ansiQuotes: hasAnsiQuotes || mode.ansiQuotes,
    noBackslashEscapes: hasNoBackslashEscapes || mode.noBackslashEscapes,
  }
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
