/** A registrar on a coordinator without a disk: what is proposed is applied when the test says. */
import { BranchType } from '../protocol/status.ts'
import type { RegisterBranchCommand } from './commands.ts'
import type { LockQueueOptions } from './lock-queue.ts'
import { Registrar } from './registrar.ts'
import type { Refusal } from './refusal.ts'
import type { CommandResult } from './result.ts'
import { Scenario } from './test-fixtures.ts'

type Done = (error: undefined, result: CommandResult) => void

export class LockScene {
  readonly scenario: Scenario = new Scenario()
  readonly registrar: Registrar
  /** Answers by the name that was given to the request: `granted`, or the refusal's code. */
  readonly answers: Map<string, 'granted' | Refusal> = new Map()
  #pending: { command: RegisterBranchCommand; done: Done }[] = []
  #nextBranchId = 1_000_000

  constructor(options: LockQueueOptions = {}) {
    const { scenario } = this
    this.registrar = new Registrar(
      scenario.state,
      {
        now: () => scenario.now,
        propose: (command, done) => this.#pending.push({ command, done }),
        onWait: () => {},
      },
      options,
    )
  }

  /** Asks for rows of the table `t`; applied at once unless told otherwise. */
  ask(
    name: string,
    xid: string,
    keys: string,
    fields: { waitMs?: number; holdsRowLocks?: boolean; isApplied?: boolean } = {},
  ): void {
    const { waitMs = 1000, holdsRowLocks = false, isApplied = true } = fields
    this.registrar.register({
      request: {
        xid,
        branchType: BranchType.AT,
        resourceId: 'db',
        clientId: 'stock:10.0.0.1:5000',
        lockKeys: `t:${keys}`,
        applicationData: JSON.stringify({ autoCommit: !holdsRowLocks, lockWaitMs: waitMs }),
      },
      branchId: this.#nextBranchId++,
      reply: (refusal) => this.answers.set(name, refusal ?? 'granted'),
      isCallerOpen: () => true,
    })
    if (isApplied) this.apply()
  }

  /** Applies what was proposed, and what follows from it. */
  apply(): void {
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      next.done(undefined, this.take(this.scenario.apply(next.command)))
    }
  }

  /** Hands the effects of a command to the registrar. */
  take(result: CommandResult): CommandResult {
    this.registrar.handle(result.effects)
    return result
  }

  /** Ends a transaction, whose branches have nothing to undo. */
  end(xid: string, how: 'commit' | 'rollback' = 'commit'): void {
    this.take(this.scenario[how](xid))
    this.apply()
  }

  answer(name: string): string {
    const answer = this.answers.get(name)
    if (answer === undefined) return 'waits'
    return answer === 'granted' ? answer : `${answer.code}: ${answer.explanation}`
  }
}
