/**
 * What a local transaction inside a global one has changed so far, with its savepoints. Pure state:
 * the client tells it what the server has done.
 */
import type { StatementUndoLog } from './undo/undo-log.ts'
import type { Conflict } from './global-lock.ts'

export class LocalTransaction {
  readonly xid: string
  /** Why it can only be rolled back; the server may not know it. */
  failure: Error | undefined
  /** The global lock because of which it failed. */
  conflict: Conflict | undefined
  #statements: StatementUndoLog[] = []
  #savepoints: { readonly name: string; readonly statementCount: number }[] = []

  constructor(xid: string) {
    this.xid = xid
  }

  /** What to undo, in the order in which it was done. */
  get statements(): readonly StatementUndoLog[] {
    return this.#statements
  }

  add(statements: readonly StatementUndoLog[]): void {
    this.#statements.push(...statements)
  }

  savepoint(name: string): void {
    this.#savepoints.push({ name, statementCount: this.#statements.length })
  }

  /** The server undid everything behind the latest savepoint of this name, which stays. */
  rollbackTo(name: string): void {
    const index = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name)
    if (index === -1) return
    this.#statements.length = this.#savepoints[index]!.statementCount
    this.#savepoints.length = index + 1
    this.failure = undefined
    this.conflict = undefined
  }

  /** The server forgot the latest savepoint of this name and those behind it. */
  release(name: string): void {
    const index = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name)
    if (index !== -1) this.#savepoints.length = index
  }
}
