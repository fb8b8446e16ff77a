/** What the test needs of a database: the tables of the forms under AT mode, and a twin without. */
import type { MemoryCoordinator } from '../../src/client/at/postgres/test-coordinator.ts'
import type { Step } from './form.ts'

/** `at`: under AT mode. `twin`: the same tables with the bare driver. */
export type Side = 'at' | 'twin'

/** All rows of all tables but undo_log, as text that differs when a byte of them does. */
export type TableRows = readonly (readonly [table: string, row: string])[]

export interface FormDatabase {
  readonly coordinator: MemoryCoordinator
  /** Gives all tables of both sides their first rows, and their sequences the first number. */
  reset(): Promise<void>
  /** Runs the steps and returns what the driver answers, rows in an order of their own. */
  run(side: Side, steps: readonly Step[]): Promise<readonly unknown[]>
  dump(side: Side): Promise<TableRows>
  /** Names of what is in the database under AT mode, for seeing changes of the schema. */
  objects(): Promise<unknown>
  undoCount(): Promise<number>
  stop(): Promise<void>
}

/** No database says in which order it returns changed rows. */
export function sortRows(rows: readonly unknown[]): readonly unknown[] {
  return rows.map((row) => JSON.stringify(row, (_key, value: unknown) => plainOf(value))).toSorted()
}

/** A replacer for JSON, which knows no bigint. */
export function plainOf(value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
