/**
 * How the forms of SQL are written down from which both the test and the page for people come. A
 * form has a cell for each dialect: the statements, and what has to happen to them.
 */

/** One statement, or a batch of the driver `mariadb`: one text, many rows of values. */
export type Step =
  | string
  | { readonly text: string; readonly values: readonly unknown[] }
  | { readonly text: string; readonly batch: readonly (readonly unknown[])[] }

export type Cell = UndoneCell | LockingCell | PassingCell | UnnoticedCell | RefusedCell | AbsentCell

interface RunnableCell {
  /** One of them goes to the pool; several go to one connection, one after the other. */
  readonly steps: readonly Step[]
}

/** Runs as it does without AT mode, and a rollback takes everything back. */
export interface UndoneCell extends RunnableCell {
  readonly kind: 'undone'
  /** It makes random values, so that it never does the same thing twice. */
  readonly isRandom: boolean
}

/** Changes nothing, but waits for the global locks of the rows that it locks. */
export interface LockingCell extends RunnableCell {
  readonly kind: 'locking'
}

/** Changes nothing, and asks nobody. */
export interface PassingCell extends RunnableCell {
  readonly kind: 'passing'
}

/** Writes behind the back of AT mode: a rollback leaves what it wrote. A known gap. */
export interface UnnoticedCell extends RunnableCell {
  readonly kind: 'unnoticed'
}

/** The last of its statements is refused. */
export interface RefusedCell extends RunnableCell {
  readonly kind: 'refused'
  /** The whole message of the error. */
  readonly message: string
  /** Why, in the words of the message. */
  readonly why: string
  /** What to do, in the words of the message; SQLite does not say. */
  readonly instead: string | undefined
}

/** The dialect has nothing like it, or no server of the tests has it. */
export interface AbsentCell {
  readonly kind: 'absent'
  readonly reason: 'no such syntax' | 'MySQL alone, not tested'
}

export const dialects = ['postgres', 'mysql', 'sqlite'] as const
export type Dialect = (typeof dialects)[number]

export interface Form {
  /** For people; starts with the words of SQL by which they know it. */
  readonly name: string
  readonly postgres: Cell
  readonly mysql: Cell
  readonly sqlite: Cell
}

export interface FormGroup {
  readonly title: string
  readonly forms: readonly Form[]
}

export const absent: AbsentCell = { kind: 'absent', reason: 'no such syntax' }
export const mysqlAlone: AbsentCell = { kind: 'absent', reason: 'MySQL alone, not tested' }

export function undone(...steps: readonly Step[]): UndoneCell {
  return { kind: 'undone', steps, isRandom: false }
}

export function undoneRandom(...steps: readonly Step[]): UndoneCell {
  return { kind: 'undone', steps, isRandom: true }
}

export function locking(...steps: readonly Step[]): LockingCell {
  return { kind: 'locking', steps }
}

export function passing(...steps: readonly Step[]): PassingCell {
  return { kind: 'passing', steps }
}

export function unnoticed(...steps: readonly Step[]): UnnoticedCell {
  return { kind: 'unnoticed', steps }
}

/** A refusal of PostgreSQL, MySQL or MariaDB: what was refused, why, and what to do instead. */
export function refused(
  steps: string | readonly Step[],
  what: string,
  why: string,
  instead: string,
): RefusedCell {
  const message = `${what} was refused inside a global transaction: ${why}; ${instead}`
  return {
    kind: 'refused',
    steps: typeof steps === 'string' ? [steps] : steps,
    message,
    why,
    instead,
  }
}

/** A refusal of SQLite while it compiles the statement. */
export function refusedBySqlite(sql: string, why: string): RefusedCell {
  const message = `refused before it ran: ${why} (statement: ${sql})`
  return { kind: 'refused', steps: [sql], message, why, instead: undefined }
}

/** A refusal of SQLite because of the table that it writes. */
export function refusedTable(sql: string, why: string): RefusedCell {
  const message = `refused in a global transaction: ${why}`
  return { kind: 'refused', steps: [sql], message, why, instead: undefined }
}

/** The same text in all three dialects. */
export function everywhere(name: string, ...steps: readonly Step[]): Form {
  const cell = undone(...steps)
  return { name, postgres: cell, mysql: cell, sqlite: cell }
}
