/**
 * WITH clauses that write. Each gets a second one in front of it that also returns its image; what
 * the user's clause was is then a SELECT of its columns. The statement itself becomes the last
 * source of rows, so that the images come with its answer, in its first row, which is there even
 * when the answer is empty:
 *
 * ```
 * WITH w (a) AS (DELETE … RETURNING x) <main>
 *
 * WITH "settee:0" (c0, image) AS (DELETE … RETURNING x, <image>),
 *      w (a) AS (SELECT c0 AS x FROM "settee:0"),
 *      "settee:main" AS (<main>)                       a SELECT, or RETURNING …, <image>
 * SELECT m.*, <images of the first row>
 *   FROM (SELECT) LEFT JOIN (SELECT *, true FROM "settee:main") m
 *
 * image   [version, oid of the table, row before, row after]   of JSON; touched: [… , it was there
 *                                                              before, row after]
 * ```
 */
import {
  nodeOf,
  withItemsOf,
  type RangeVar,
  type SelectStmt,
  type SqlText,
  type StatementNode,
  type WithItem,
} from '@settee/sql/postgres'
import { quoteIdentifier } from './pg-driver.ts'
import { aliasOf, type Target, type WithPlan } from './plan.ts'
import {
  checkSettings,
  joinReturning,
  markName,
  splitReturning,
  versionOf,
  type RowNames,
} from './returning.ts'
import { refuse } from '../refuse.ts'
import { expectAllowed, refuseNested } from './statement-kinds.ts'
import { callsOf } from './volatile-functions.ts'
import { returningOf, targetOf, type Analysis, type WriteNode } from './write-target.ts'

/** Name of the column that says that a row is one of the answer. */
export const rowName = 'settee:row'

type Main = WriteNode | { readonly kind: 'SelectStmt'; readonly node: SelectStmt }

/** A part of the statement, as text for tables of given columns. */
type BuildPart = (columns: readonly string[]) => string

interface Part {
  /** Undefined for a part that only reads. */
  readonly target: Target | undefined
  readonly build: BuildPart
}

export function planWith(analysis: Analysis, sql: SqlText, main: Main): WithPlan {
  const clauses = withItemsOf(main.node.withClause)
  const ranges = clauseRanges(sql, clauses.length)
  const last = planMain(analysis, sql.text.slice(ranges.at(-1)!.end, sql.end), main)
  const all: Part[] = []
  for (const [i, clause] of clauses.entries()) {
    const written = all.filter(({ target }) => target !== undefined).length
    all.push(planClause(analysis, sql, { clause, range: ranges[i]!, rawIndex: written }))
  }
  all.push(last)
  const targets = all.flatMap(({ target }) => target ?? [])
  const images = targets.map((target, i) => imageOf(target === last.target ? mainName : rawName(i)))
  const plan: WithPlan = {
    kind: 'WITH',
    calls: callsOf(main.node),
    targets,
    command: main.kind === 'SelectStmt' ? 'SELECT' : commands[main.kind],
    hasAnswer: main.kind === 'SelectStmt' || main.node.returningClause !== undefined,
    buildText(columns) {
      let next = 0
      const text = all.map(({ target, build }) =>
        build(target === undefined ? [] : columns[next++]!),
      )
      return (
        `WITH ${main.node.withClause?.recursive === true ? 'RECURSIVE ' : ''}${text.join(', ')} ` +
        `SELECT m.*, ${images.join(', ')} FROM (SELECT) AS o LEFT JOIN ` +
        `(SELECT *, true AS "${rowName}" FROM "${mainName}") AS m ON true`
      )
    },
  }
  expectAllowed(analysis.grammar, plan.buildText(targets.map(() => ['x'])))
  return plan
}

const mainName = 'settee:main'
const rawName = (i: number): string => `settee:${i}`

const commands = {
  InsertStmt: 'INSERT',
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
} as const

/** All images of a part, in the first row of the answer. */
function imageOf(part: string): string {
  return (
    'CASE WHEN pg_catalog.row_number() OVER () = 1 THEN ' +
    `(SELECT pg_catalog.json_agg(i."${markName}")::text FROM "${part}" AS i) END AS "${markName}"`
  )
}

interface Range {
  /** Start of the clause, at its name. */
  readonly start: number
  /** Behind the AS. */
  readonly nameEnd: number
  /** Inside of the parentheses. */
  readonly queryStart: number
  readonly queryEnd: number
  /** Behind the parenthesis and the comma. */
  readonly end: number
}

interface Clause {
  readonly clause: WithItem
  readonly range: Range
  /** How many clauses that write are in front of it. */
  readonly rawIndex: number
}

/** Where the WITH clauses are: each is `name [(columns)] AS [[NOT] MATERIALIZED] (query)`. */
function clauseRanges(sql: SqlText, count: number): readonly Range[] {
  const outer = sql.tokens.filter(({ depth }) => depth === 0)
  const isWord = (i: number, word: string): boolean => outer[i]?.text.toUpperCase() === word
  const ranges: Range[] = []
  let at = isWord(1, 'RECURSIVE') ? 2 : 1
  while (ranges.length < count) {
    const first = at
    while (at < outer.length && !isWord(at, 'AS')) at++
    const nameEnd = outer[at]?.start
    while (at < outer.length && outer[at]!.text !== '(') at++
    const [open, close, comma] = outer.slice(at, at + 3)
    if (nameEnd === undefined || open === undefined || close?.text !== ')') throw unclear()
    const hasComma = comma?.text === ','
    if (hasComma !== ranges.length < count - 1) throw unclear()
    at += hasComma ? 3 : 2
    ranges.push({
      start: outer[first]!.start,
      nameEnd,
      queryStart: open.end,
      queryEnd: close.start,
      end: hasComma ? comma.end : close.end,
    })
  }
  return ranges
}

function unclear(): Error {
  return refuse(
    'a WITH clause that writes',
    'its parts cannot be singled out',
    'send the statements one by one',
  )
}

function planClause(analysis: Analysis, sql: SqlText, { clause, range, rawIndex }: Clause): Part {
  const { start, nameEnd, queryStart, queryEnd } = range
  const query = nodeOf(clause.ctequery as never)
  const text = sql.text.slice(queryStart, queryEnd)
  const name = sql.text.slice(start, nameEnd)
  refuseNested(query.node)
  if (!isWrite(query)) {
    const whole = sql.text.slice(start, queryEnd)
    return { target: undefined, build: () => `${whole}\n)` }
  }
  const target = targetOf(query, analysis.features)
  const returning = returningOf(query, target.image)
  const parts = splitReturning(analysis.grammar.scan(text), returning)
  return {
    target,
    build(columns) {
      const names = answerNames(query, columns)
      const cells = names.map((_, i) => `"c${i}"`)
      const raw = rawName(rawIndex)
      const image = imageJson(returning.target, target, columns, parts)
      const source =
        `"${raw}" (${[...cells, `"${markName}"`].join(', ')}) ` +
        `AS (${joinReturning(parts, image)}\n)`
      const list = names.map((one, i) => `${cells[i]} AS ${quoteIdentifier(one)}`)
      return names.length === 0
        ? source
        : `${source}, ${name} AS (SELECT ${list.join(', ')} FROM "${raw}")`
    },
  }
}

function planMain(analysis: Analysis, text: string, main: Main): Part {
  const { withClause: _, ...node } = main.node
  refuseNested(node)
  if (main.kind === 'SelectStmt') {
    if (main.node.lockingClause !== undefined) {
      throw refuse(
        'FOR UPDATE behind a WITH clause that writes',
        'the rows that it locks are not known',
        'send the statements one by one',
      )
    }
    return { target: undefined, build: () => `"${mainName}" AS (${text}\n)` }
  }
  const target = targetOf(main, analysis.features)
  const returning = returningOf(main, target.image)
  const parts = splitReturning(analysis.grammar.scan(text), returning)
  return {
    target,
    build(columns) {
      const image = imageJson(returning.target, target, columns, parts)
      return `"${mainName}" AS (${joinReturning(parts, `${image} AS "${markName}"`)}\n)`
    },
  }
}

function isWrite(statement: StatementNode): statement is WriteNode {
  return /^(Insert|Update|Delete|Merge)Stmt$/.test(statement.kind)
}

/** The image of a row as JSON: see the head of this file. */
function imageJson(
  table: RangeVar,
  { image }: Target,
  columns: readonly string[],
  { old, new: after }: RowNames,
): string {
  const alias = aliasOf(table)
  const row = (prefix: string): string =>
    `ROW(${columns.map((column) => `${prefix}.${quoteIdentifier(column)}`).join(', ')})::text`
  const present = (prefix: string): string =>
    `CASE WHEN ${prefix}.tableoid IS NOT NULL THEN ${row(prefix)} END`
  const parts = {
    after: [`${alias}.tableoid`, 'NULL', row(alias)],
    before: [`${alias}.tableoid`, row(alias), 'NULL'],
    both: [`COALESCE(${after}.tableoid, ${old}.tableoid)`, present(old), present(after)],
    touched: [`${alias}.tableoid`, `(${alias}.xmax <> 0)`, row(alias)],
  } as const
  const [oid, ...rows] = parts[image]
  const version = checkSettings(versionOf(table))
  return `pg_catalog.json_build_array(${version}, (${oid})::int8, ${rows.join(', ')})`
}

/** The names of the columns that a clause answers with. */
function answerNames({ kind, node }: WriteNode, columns: readonly string[]): readonly string[] {
  const hasOthers =
    kind === 'MergeStmt' ||
    (kind === 'UpdateStmt' && node.fromClause !== undefined) ||
    (kind === 'DeleteStmt' && node.usingClause !== undefined)
  const table = node.relation!
  const own = new Set(['old', 'new', table.alias?.aliasname ?? table.relname])
  return (node.returningClause?.exprs ?? []).flatMap((item) => {
    const { name, val } = 'ResTarget' in item ? item.ResTarget : {}
    if (name !== undefined) return [name]
    if (val !== undefined && 'ColumnRef' in val) {
      const path = val.ColumnRef.fields ?? []
      const last = path.at(-1)!
      if ('String' in last) return [last.String.sval!]
      const prefix = path.at(-2)
      const isOwn =
        prefix === undefined ? !hasOthers : 'String' in prefix && own.has(prefix.String.sval)
      if (isOwn) return columns
    }
    if (val !== undefined && 'FuncCall' in val) {
      const last = val.FuncCall.funcname?.at(-1)
      if (last !== undefined && 'String' in last) return [last.String.sval!]
    }
    throw refuse(
      'a RETURNING of a WITH clause',
      'the names of its columns are not known',
      'name each of them, with AS where it is no column',
    )
  })
}
