/** What the tests of the core share: short ways to write commands and to see what came of them. */
import { BranchStatus, BranchType, GlobalStatus, nameOf } from '../protocol/status.ts'
import type { BranchOutcome, Command } from './commands.ts'
import { applyCommand } from './coordinator.ts'
import type { CoordinatorOptions } from './limits.ts'
import type { CommandResult } from './result.ts'
import { CoordinatorState } from './state.ts'
import type { Transaction } from './transaction.ts'

export interface BranchFields {
  type?: BranchType
  resourceId?: string
  clientId?: string
  lockKeys?: string
  applicationData?: string
}

/** A coordinator that is driven by hand; time stands still unless it is moved. */
export class Scenario {
  readonly state: CoordinatorState
  readonly commands: Command[] = []
  now = 1_700_000_000_000
  #nextId = 1

  constructor(options: CoordinatorOptions = {}) {
    this.state = new CoordinatorState(options)
  }

  apply(command: Command): CommandResult {
    this.commands.push(command)
    return applyCommand(this.state, command)
  }

  begin(name = 'purchase', timeoutMs = 60_000): string {
    const transactionId = this.#nextId++
    const xid = `127.0.0.1:8091:${transactionId}`
    const command = {
      kind: 'begin',
      xid,
      transactionId,
      name,
      timeoutMs,
      applicationId: 'shop',
      transactionServiceGroup: 'default',
      now: this.now,
    } as const
    const { refusal } = this.apply(command)
    if (refusal !== null) throw new Error(refusal.explanation)
    return xid
  }

  tryRegister(xid: string, fields: BranchFields = {}): CommandResult & { branchId: number } {
    const branchId = this.#nextId++
    const result = this.apply({
      kind: 'registerBranch',
      xid,
      branchId,
      branchType: fields.type ?? BranchType.AT,
      resourceId: fields.resourceId ?? 'db',
      clientId: fields.clientId ?? 'shop:127.0.0.1:5000',
      lockKeys: fields.lockKeys ?? '',
      applicationData: fields.applicationData ?? '',
      lockWaitedMs: 0,
      now: this.now,
    })
    return { ...result, branchId }
  }

  register(xid: string, fields: BranchFields = {}): number {
    const { refusal, branchId } = this.tryRegister(xid, fields)
    if (refusal !== null) throw new Error(refusal.text)
    return branchId
  }

  report(xid: string, branchId: number, status: BranchStatus): CommandResult {
    const { now } = this
    return this.apply({ kind: 'reportBranch', xid, branchId, status, applicationData: '', now })
  }

  commit(xid: string): CommandResult {
    return this.apply({ kind: 'commit', xid, now: this.now })
  }

  rollback(xid: string, reason = ''): CommandResult {
    return this.apply({ kind: 'rollback', xid, reason, now: this.now })
  }

  timeOut(xid: string): CommandResult {
    return this.apply({ kind: 'timeOut', xid, now: this.now })
  }

  globalReport(xid: string, status: GlobalStatus): CommandResult {
    return this.apply({ kind: 'globalReport', xid, status, now: this.now })
  }

  end(xid: string, branchId: number, status: BranchStatus, error = ''): CommandResult {
    return this.endAll([{ xid, branchId, status, error }])
  }

  endAll(outcomes: readonly BranchOutcome[]): CommandResult {
    return this.apply({ kind: 'branchesEnded', outcomes, now: this.now })
  }

  transaction(xid: string): Transaction {
    const transaction = this.state.transactions.get(xid) ?? this.state.finished(xid)
    if (transaction === undefined) throw new Error(`${xid} is unknown`)
    return transaction
  }

  /** Name of the status of a transaction. */
  status(xid: string): string {
    return statusName(this.transaction(xid).status)
  }

  /** The timeline in short: `branchRetry 3 → CommitRetrying: reason`. */
  trace(xid: string): string[] {
    return this.transaction(xid).timeline.map((entry) => {
      const branch = entry.branchId === null ? '' : ` ${entry.branchId}`
      const status = entry.status === null ? '' : ` → ${statusName(entry.status)}`
      return `${entry.kind}${branch}${status}${entry.reason === '' ? '' : `: ${entry.reason}`}`
    })
  }
}

export function statusName(status: GlobalStatus): string {
  return nameOf(GlobalStatus, status)
}

/** The kinds of a result's effects. */
export function effectKinds(result: CommandResult): string[] {
  return result.effects.map((effect) => effect.kind)
}

export const committed: BranchStatus = BranchStatus.PhaseTwo_Committed
export const rolledBack: BranchStatus = BranchStatus.PhaseTwo_Rollbacked
