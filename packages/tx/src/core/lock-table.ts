/**
 * Global locks: which transaction holds which row. Nested maps (resource, table, key) hold any
 * length of name and need no joined strings. Locks are re-entrant for the same transaction: the
 * branch that was first to lock a row owns the lock, and as rollback goes from the last branch to
 * the first, the owner is the last of its transaction to leave the row.
 *
 * Originals: FileLocker and AbstractLockManager of org.apache.seata.server.
 */
import type { TableLocks } from '../protocol/lock-key.ts'
import type { Branch, RowLock } from './transaction.ts'

type KeyLocks = Map<string, RowLock>

export class LockTable {
  readonly #resources = new Map<string, Map<string, KeyLocks>>()
  #size = 0

  /** Rows under lock. */
  get size(): number {
    return this.#size
  }

  get(resourceId: string, table: string, key: string): RowLock | undefined {
    return this.#resources.get(resourceId)?.get(table)?.get(key)
  }

  /** The first of `rows` that another transaction holds and `matches`; undefined if none. */
  findHeld(
    xid: string,
    resourceId: string,
    rows: readonly TableLocks[],
    matches: (lock: RowLock) => boolean = always,
  ): RowLock | undefined {
    const tables = this.#resources.get(resourceId)
    if (tables === undefined) return undefined
    for (const { table, keys } of rows) {
      const locks = tables.get(table)
      if (locks === undefined) continue
      for (const key of keys) {
        const held = locks.get(key)
        if (held !== undefined && held.xid !== xid && matches(held)) return held
      }
    }
    return undefined
  }

  /**
   * Locks `rows` for `branch`, which nobody else may hold, and returns the locks that are new: a
   * row that the transaction holds already stays with its first branch.
   */
  acquire(
    xid: string,
    branch: Pick<Branch, 'branchId' | 'resourceId'>,
    rows: readonly TableLocks[],
    since: number,
  ): readonly RowLock[] {
    if (rows.length === 0) return noLocks
    const { branchId, resourceId } = branch
    const taken: RowLock[] = []
    for (const { table, keys } of rows) {
      for (const key of keys) {
        if (this.get(resourceId, table, key) !== undefined) continue
        const lock: RowLock = { resourceId, table, key, xid, branchId, since }
        this.insert(lock)
        taken.push(lock)
      }
    }
    return taken
  }

  /** Puts back a lock of a snapshot. */
  insert(lock: RowLock): void {
    let tables = this.#resources.get(lock.resourceId)
    if (tables === undefined) this.#resources.set(lock.resourceId, (tables = new Map()))
    let keys = tables.get(lock.table)
    if (keys === undefined) tables.set(lock.table, (keys = new Map()))
    keys.set(lock.key, lock)
    this.#size++
  }

  release(locks: readonly RowLock[]): void {
    for (const { resourceId, table, key } of locks) {
      const tables = this.#resources.get(resourceId)
      const keys = tables?.get(table)
      if (tables === undefined || keys === undefined || !keys.delete(key)) continue
      this.#size--
      // Names that nobody locks any more must not stay behind for ever.
      if (keys.size === 0) tables.delete(table)
      if (tables.size === 0) this.#resources.delete(resourceId)
    }
  }

  clear(): void {
    this.#resources.clear()
    this.#size = 0
  }

  *[Symbol.iterator](): Iterator<RowLock> {
    for (const tables of this.#resources.values()) {
      for (const keys of tables.values()) yield* keys.values()
    }
  }
}

export const noLocks: readonly RowLock[] = []

function always(): boolean {
  return true
}
