/** Runs UPDATE and DELETE and keeps the rows as they were before and after. */
import { assert } from '@settee/kit'
import { refuse } from '../refuse.ts'
import type { StatementUndoLog } from '../undo/undo-log.ts'
import { quoteName } from './column-types.ts'
import type { RawValue } from './driver/session.ts'
import { runOwn, type Change, type Execution } from './execution.ts'
import {
  imageColumns,
  imageOf,
  keyCondition,
  keyOf,
  readImage,
  storedColumns,
  type Image,
} from './images.ts'
import type { DeletePlan, NamedUse, UpdatePlan } from './plan.ts'
import { join, type Fragment } from './sql-fragment.ts'
import type { Column, Table } from './table-meta.ts'
import { findByAlias } from './table-references.ts'

/** A table that a statement writes, under one of its aliases. */
export interface WriteTarget {
  readonly use: NamedUse
  readonly table: Table
  /** Columns of its images, the primary key first. */
  readonly columns: readonly Column[]
}

/** The rows of a target that a statement finds. */
interface FoundRows {
  readonly target: WriteTarget
  readonly image: Image
  /** An outer join has found no row for some of the others. */
  readonly hasMissing: boolean
}

export async function runUpdate(
  execution: Execution,
  plan: UpdatePlan,
  targets: readonly WriteTarget[],
): Promise<Change> {
  const found = await findRows(execution, plan, targets)
  await execution.run(pinnedText(plan, found))
  const undo: StatementUndoLog[] = []
  for (const before of mergeByTable(found)) {
    const { table, columns } = before.target
    if (before.image.rows.length === 0) continue
    const condition = keyCondition(table, before.image.rows)
    const after = await readImage(execution.session, table, columns, condition)
    undo.push({
      sqlType: 'UPDATE',
      tableName: table.name,
      beforeImage: before.image,
      afterImage: inOrderOf(table, before.image, after),
    })
  }
  return { undo }
}

/** The rows of `after` in the order of those of `before`: one for each. */
function inOrderOf(table: Table, before: Image, after: Image): Image {
  const byKey = new Map(after.rows.map((row) => [keyOf(table, row), row]))
  const rows = before.rows.map((row) => {
    const match = byKey.get(keyOf(table, row))
    assert(match !== undefined, 'an UPDATE took away a row that its image has')
    return match
  })
  return { tableName: table.name, rows }
}

export async function runDelete(
  execution: Execution,
  plan: DeletePlan,
  targets: readonly WriteTarget[],
): Promise<Change> {
  const found = await findRows(execution, plan, targets)
  const { affectedRows } = await execution.run(pinnedText(plan, found))
  const merged = mergeByTable(found)
  const count = merged.reduce((sum, { image }) => sum + image.rows.length, 0)
  const undo: StatementUndoLog[] = []
  for (const { target, image } of merged) {
    const { table } = target
    const gone = affectedRows === count ? image : await withoutLeft(execution, target, image)
    if (gone.rows.length === 0) continue
    const none = { tableName: table.name, rows: [] }
    undo.push({ sqlType: 'DELETE', tableName: table.name, beforeImage: gone, afterImage: none })
  }
  return { undo }
}

/** The rows that went: IGNORE leaves those that a foreign key holds. */
async function withoutLeft(
  { session }: Execution,
  { table }: WriteTarget,
  image: Image,
): Promise<Image> {
  if (image.rows.length === 0) return image
  const left = await readImage(session, table, table.primaryKey, keyCondition(table, image.rows))
  const keys = new Set(left.rows.map((row) => keyOf(table, row)))
  return { ...image, rows: image.rows.filter((row) => !keys.has(keyOf(table, row))) }
}

async function findRows(
  execution: Execution,
  plan: UpdatePlan | DeletePlan,
  targets: readonly WriteTarget[],
): Promise<readonly FoundRows[]> {
  const { environment } = execution
  const { rows } = await runOwn(execution, imageText(plan, targets, environment.limits.maxRows))
  for (const { table } of targets) await checkTable(execution, table, mayCascade(plan, table))
  if (rows.length > environment.limits.maxRows) {
    throw refuse(
      `${plan.kind} of more than ${environment.limits.maxRows} rows`,
      'each row is kept and locked until the transaction ends',
      'change fewer rows at a time or raise maxRows',
    )
  }
  let start = 0
  return targets.map((target) => {
    const from = start
    start += target.columns.length
    const own = rows.map((row) => row.slice(from, start))
    const image = imageOf(target.table, target.columns, own)
    return { target, image, hasMissing: own.some((row) => isMissing(row, target)) }
  })
}

/** Other tables can refer to a row that goes, or to a value of one of its unique keys. */
function mayCascade(plan: UpdatePlan | DeletePlan, { uniqueKeys }: Table): boolean {
  if (plan.kind === 'DELETE') return true
  const keys = new Set(
    uniqueKeys.flatMap(({ columns }) => columns.map(({ name }) => name.toLowerCase())),
  )
  return plan.columns.some(({ name }) => keys.has(name.toLowerCase()))
}

function isMissing(row: readonly RawValue[], { columns }: WriteTarget): boolean {
  return columns.some(({ isPrimaryKey }, i) => isPrimaryKey && row[i] === null)
}

function imageText(
  plan: UpdatePlan | DeletePlan,
  targets: readonly WriteTarget[],
  maxRows: number,
): Fragment {
  const { rows } = plan
  const columns = targets.map(({ columns: own, use }) => imageColumns(own, use.alias)).join(', ')
  return join(
    rows.with,
    `SELECT ${columns} FROM`,
    rows.from,
    rows.tail,
    rows.hasLimit ? '' : `LIMIT ${maxRows + 1}`,
    'FOR UPDATE',
  )
}

/**
 * The statement for the rows that were found and no others. The condition of a single table has
 * been looked at, and need not be again; that of a join says which rows belong together.
 */
function pinnedText(plan: UpdatePlan | DeletePlan, found: readonly FoundRows[]): Fragment {
  const { condition, head, isMultiTable, order } = plan
  if (!isMultiTable && found[0]!.image.rows.length > 0) {
    const { target, image } = found[0]!
    return join(head, `WHERE ${keyCondition(target.table, image.rows)}`, order)
  }
  const pins = found.map(({ target, image, hasMissing }) => {
    const { table, use } = target
    const key = `${quoteName(use.alias)}.${quoteName(table.primaryKey[0]!.name)}`
    if (image.rows.length === 0 && !hasMissing) return noRow
    const isFound = keyCondition(table, image.rows, use.alias)
    return hasMissing ? `(${isFound} OR ${key} IS NULL)` : isFound
  })
  const where = condition.length === 0 ? 'WHERE' : join('WHERE (', condition, ') AND')
  return join(head, where, pins.join(' AND '), order)
}

/**
 * Never true, though the server does not know that before: with FALSE its answer has no message.
 */
const noRow = 'RAND() < 0'

/** A table may be written under two aliases: then its rows are those of both. */
function mergeByTable(found: readonly FoundRows[]): readonly FoundRows[] {
  const merged = new Map<string, FoundRows>()
  for (const one of found) {
    const { table } = one.target
    const other = merged.get(table.sql)
    const rows = new Map(
      [...(other?.image.rows ?? []), ...one.image.rows].map((row) => [keyOf(table, row), row]),
    )
    merged.set(table.sql, { ...one, image: { ...one.image, rows: [...rows.values()] } })
  }
  return [...merged.values()]
}

/** Compares the table with its description, once in a local transaction. */
export async function checkTable(
  { checked, environment, session }: Execution,
  table: Table,
  cascades: boolean,
): Promise<void> {
  const level = `${table.sql}${cascades ? ' cascades' : ''}`
  if (checked.has(level)) return
  await environment.tables.check(session, table, cascades)
  checked.add(level)
}

/** The tables that an UPDATE writes, with the columns that its images need. */
export function updateTargets(
  plan: UpdatePlan,
  tables: readonly (readonly [NamedUse, Table])[],
): readonly WriteTarget[] {
  const written = new Map<string, Set<string>>()
  const aliases = new Map<NamedUse, Table>()
  for (const { table: qualifier, name } of plan.columns) {
    const [use, table] = ownerOf(tables, qualifier, name)
    aliases.set(use, table)
    const names = written.get(table.sql) ?? new Set()
    written.set(table.sql, names.add(name.toLowerCase()))
  }
  return Array.from(aliases, ([use, table]) => {
    const names = written.get(table.sql)!
    const columns = storedColumns(table).filter(
      ({ isPrimaryKey, isOnUpdate, name }) =>
        isPrimaryKey || isOnUpdate || names.has(name.toLowerCase()),
    )
    return { use, table, columns }
  })
}

function ownerOf(
  tables: readonly (readonly [NamedUse, Table])[],
  qualifier: string | undefined,
  name: string,
): readonly [NamedUse, Table] {
  const owners = tables.filter(([, table]) =>
    table.columns.some((column) => column.name.toLowerCase() === name.toLowerCase()),
  )
  const owner = qualifier === undefined ? owners[0] : findByAlias(owners, ([use]) => use, qualifier)
  if (owner !== undefined) return owner
  const full = qualifier === undefined ? name : `${qualifier}.${name}`
  throw refuse(`UPDATE … SET ${full}`, 'no table of the statement has it', 'correct the name')
}

/** The tables that a DELETE writes; their images have all columns. */
export function deleteTargets(
  plan: DeletePlan,
  tables: readonly (readonly [NamedUse, Table])[],
): readonly WriteTarget[] {
  return plan.targets.map((use) => {
    const [, table] = tables.find(([one]) => one === use || one.alias === use.alias)!
    return { use, table, columns: storedColumns(table) }
  })
}
