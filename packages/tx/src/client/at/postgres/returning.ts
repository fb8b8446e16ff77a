/**
 * The RETURNING clause with an image behind the user's own columns:
 *
 * ```
 * RETURNING <user's columns>, mark, t.*               what was inserted or deleted
 * RETURNING <user's columns>, mark, old.*, new.*      PostgreSQL 18 and later: before and after
 * RETURNING <user's columns>, mark, xmax <> 0, t.*    earlier: was it there before? after
 * ```
 *
 * `mark` separates the two. It is NULL when the session prints dates and floats with loss, and else
 * the version of the table.
 */
import type { RangeVar, ReturningClause, SqlText } from '@settee/sql/postgres'
import { quoteIdentifier } from './pg-driver.ts'
import { aliasOf, referenceOf, relationOf, type ImageForm } from './plan.ts'
import { versionSql } from './table-meta.ts'

/** Name of the column that separates the user's columns from the image. */
export const markName = 'settee:image'

/** NULL when the session prints something with loss. */
export const checkSettings = (value: string): string =>
  "CASE WHEN pg_catalog.current_setting('DateStyle') LIKE 'ISO%' AND " +
  "pg_catalog.current_setting('IntervalStyle') <> 'sql_standard' AND " +
  `pg_catalog.current_setting('extra_float_digits')::int > 0 THEN ${value} END`

/** The version of the table that a statement's name means in its session. */
export const versionOf = (target: RangeVar): string =>
  versionSql(`'${referenceOf(relationOf(target)).replaceAll("'", "''")}'::pg_catalog.regclass`)

/** The mark as a column of a SELECT or RETURNING list. */
export const markOf = (value: string): string => `(${value}) AS "${markName}"`

/** A statement that has a RETURNING clause or may be given one. */
export interface Returning {
  readonly target: RangeVar
  readonly clause: ReturningClause | undefined
  readonly image: ImageForm
  /** All names of tables and aliases of the statement. */
  readonly names: ReadonlySet<string>
}

/** How the rows before and after are called. */
export interface RowNames {
  readonly old: string
  readonly new: string
}

const plain: RowNames = { old: 'old', new: 'new' }

/** The parts of a statement around its RETURNING list; the list is empty when it has none. */
export interface ReturningText {
  readonly head: string
  /** With the user's options, such as `WITH (OLD AS o)`. */
  readonly list: string
  /** Options of ours. */
  readonly options: string
}

export function splitReturning(sql: SqlText, returning: Returning): ReturningText & RowNames {
  const keyword = sql.find('RETURNING')
  return {
    head: sql.text.slice(0, keyword?.start ?? sql.end),
    list: keyword === undefined ? '' : sql.text.slice(keyword.end, sql.end),
    ...oldAndNew(returning),
  }
}

/** The whole statement with `columns` behind those of the user. */
export function joinReturning({ head, list, options }: ReturningText, columns: string): string {
  return `${head} RETURNING ${options}${list}${list === '' ? '' : ', '}${columns}`
}

/** The image's columns for {@link joinReturning}. */
export function imageColumns(target: RangeVar, image: ImageForm, names: RowNames = plain): string {
  const mark = markOf(checkSettings(versionOf(target)))
  const alias = aliasOf(target)
  switch (image) {
    case 'both':
      return `${mark}, ${names.old}.*, ${names.new}.*`
    case 'touched':
      return `${mark}, (${alias}.xmax <> 0), ${alias}.*`
    default:
      return `${mark}, ${alias}.*`
  }
}

/** A table that is called `old` hides the rows before, unless they get another name. */
function oldAndNew({ clause, image, names }: Returning): RowNames & { options: string } {
  const given = (clause?.options ?? []).flatMap((option) =>
    'ReturningOption' in option ? [option.ReturningOption] : [],
  )
  const nameOf = (option: string): string | undefined =>
    given.find((one) => one.option === option)?.value
  if (given.length > 0 || image !== 'both' || !(names.has('old') || names.has('new'))) {
    return {
      old: quoteIdentifier(nameOf('RETURNING_OPTION_OLD') ?? plain.old),
      new: quoteIdentifier(nameOf('RETURNING_OPTION_NEW') ?? plain.new),
      options: '',
    }
  }
  return {
    old: '"settee:old"',
    new: '"settee:new"',
    options: 'WITH (OLD AS "settee:old", NEW AS "settee:new") ',
  }
}

/** The names of all tables, aliases and WITH clauses below a node. */
export function namesOf(node: unknown, names: Set<string> = new Set()): Set<string> {
  if (typeof node !== 'object' || node === null) return names
  for (const [key, value] of Object.entries(node) as [string, unknown][]) {
    const isName = key === 'relname' || key === 'aliasname' || key === 'ctename'
    if (isName && typeof value === 'string') names.add(value)
    else namesOf(value, names)
  }
  return names
}
