/**
 * UPDATE before PostgreSQL 18, whose RETURNING does not know the rows before: they are read and
 * locked first, and then the UPDATE is pinned to them, which keeps rows out that begin to match in
 * between.
 *
 * ```
 * UPDATE t SET … [FROM f] WHERE c RETURNING r
 *
 * SELECT mark, t.*, t.ctid FROM t WHERE c                                 FOR NO KEY UPDATE OF t
 *                                 WHERE EXISTS (SELECT FROM f WHERE c)    with FROM
 * UPDATE t SET … [FROM f] WHERE (c) AND t.ctid = ANY ($n) RETURNING r, mark, t.*
 * ```
 */
import { nodeOf, type PostgresGrammar, type SqlText, type UpdateStmt } from '@settee/sql/postgres'
import { aliasOf, type Pin } from './plan.ts'
import { checkSettings, imageColumns, joinReturning, markOf } from './returning.ts'
import { refuse } from '../refuse.ts'
import { expectAllowed } from './statement-kinds.ts'

/** Texts of the two statements. */
export function planPin(
  grammar: PostgresGrammar,
  sql: SqlText,
  node: UpdateStmt,
): { pin: Pin; text: string } {
  const alias = aliasOf(node.relation!)
  const update = sql.find('UPDATE')!
  const set = sql.find('SET', update.end)!
  const from =
    node.fromClause === undefined ? undefined : sql.findLast('FROM', firstLocation(node.fromClause))
  const where = sql.find('WHERE', from?.end ?? set.end)
  const returning = sql.find('RETURNING', set.end)
  const tailStart = returning?.start ?? sql.end
  const condition = where === undefined ? undefined : sql.slice(where.end, tailStart)
  const address = `${alias}.ctid`
  const filter = condition === undefined ? '' : ` WHERE ${condition}`
  const rows =
    from === undefined
      ? filter
      : ` WHERE EXISTS (SELECT FROM ${sql.slice(from.end, where?.start ?? tailStart)}${filter}\n)`

  const image = sql.renumber(
    `${sql.text.slice(0, update.start)}SELECT ${markOf(checkSettings("''"))}, ${alias}.*, ` +
      `${address} FROM ${sql.slice(update.end, set.start)}${rows}`,
  )
  const parameter = sql.parameterCount + 1
  const head =
    `${sql.text.slice(0, where?.start ?? tailStart)} WHERE ` +
    (condition === undefined ? '' : `(${condition}\n) AND `) +
    `${address} = ANY ($${parameter}::pg_catalog.tid[])\n`
  const list = returning === undefined ? '' : sql.text.slice(returning.end, sql.end)
  const columns = imageColumns(node.relation!, 'after')
  const text = joinReturning({ head, list, options: '' }, columns)
  checkImage(grammar, image.text, node)
  expectAllowed(grammar, text)
  const lock = `FOR NO KEY UPDATE OF ${alias}`
  return {
    pin: { imageText: image.text, imageParameters: image.parameters, parameter, lock },
    text,
  }
}

/** Byte offset of the first thing in a FROM clause: the FROM in front of it is the right one. */
export function firstLocation(node: unknown): number {
  if (typeof node !== 'object' || node === null) return Infinity
  return Object.entries(node).reduce(
    (first, [key, value]: [string, unknown]) =>
      Math.min(first, key === 'location' ? Number(value) : firstLocation(value)),
    Infinity,
  )
}

/** Properties of a tree that a splice changes: offsets into the text and `$n`. */
const positions = /^(\w*location|\w*_start|\w*_end|number)$/

/** The spliced SELECT must have the condition of the UPDATE, or the splice went wrong. */
function checkImage(grammar: PostgresGrammar, imageText: string, update: UpdateStmt): void {
  const shape = (value: unknown): string =>
    JSON.stringify(value, (key, part: unknown) => (positions.test(key) ? undefined : part)) ?? ''
  const { kind, node } = expectAllowed(grammar, imageText)
  if (kind === 'SelectStmt' && shape(node.fromClause) === shape([{ RangeVar: update.relation }])) {
    const inner = update.fromClause === undefined ? node : existsOf(node.whereClause)
    const isSame =
      shape(inner?.whereClause) === shape(update.whereClause) &&
      (update.fromClause === undefined || shape(inner?.fromClause) === shape(update.fromClause))
    if (isSame) return
  }
  throw refuse('an UPDATE', 'its WHERE clause cannot be singled out', 'put odd names in quotes')
}

type Condition = UpdateStmt['whereClause']

function existsOf(
  condition: Condition,
): Pick<UpdateStmt, 'fromClause' | 'whereClause'> | undefined {
  if (condition === undefined || !('SubLink' in condition)) return undefined
  const select = condition.SubLink.subselect
  if (select === undefined) return undefined
  const { kind, node } = nodeOf(select as never)
  return kind === 'SelectStmt' ? node : undefined
}
