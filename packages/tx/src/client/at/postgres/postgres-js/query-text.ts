/**
 * The text and the parameters of a tagged query, as postgres.js would send them: its fragments,
 * identifiers and helpers are asked for their own parts, as it would ask them.
 */
import type { JsQuery, JsRoot, JsSql } from './driver.ts'

export interface QueryText {
  readonly text: string
  readonly values: readonly unknown[]
}

/** What the helper of the package makes of an object, such as `sql({ a: 1 })`. */
interface Builder {
  build(before: string, parameters: unknown[], types: number[], options: unknown): string
}

export function textOf(sql: JsRoot, query: JsQuery): QueryText {
  const { options } = sql
  const isTagged = 'raw' in query.strings
  if (!isTagged) return { text: query.strings[0]!, values: query.args }
  const parameters: unknown[] = []
  const types: number[] = []
  const kinds = kindsOf(sql)

  function build(builder: unknown, before: string): string {
    return (builder as Builder).build(before, parameters, types, options)
  }

  function write(value: unknown, before: string): string {
    if (value instanceof kinds.Builder) return build(value, before)
    if (value instanceof kinds.Query) return join(value as unknown as JsQuery)
    if (value instanceof kinds.Identifier) return String((value as { value?: unknown }).value)
    if (Array.isArray(value) && value[0] instanceof kinds.Query) {
      return (value as JsQuery[]).map((fragment) => ` ${join(fragment)}`).join('')
    }
    // A row of one value, which the package turns into `($n)`.
    return build(sql([[value]]), 'values').slice(1, -1)
  }

  function join({ strings, args }: JsQuery): string {
    let text = strings[0]!
    for (const [i, value] of args.entries()) text += write(value, text) + strings[i + 1]!
    return text
  }

  const text = join(query)
  return { text, values: parameters.map((value, i) => sql.typed(value, types[i]!)) }
}

type Class = abstract new (...args: never[]) => object

interface Kinds {
  readonly Query: Class
  readonly Identifier: Class
  readonly Builder: Class
}

/** The package's classes, which it does not export. */
function kindsOf(sql: JsSql): Kinds {
  const classOf = (value: unknown): Class => (value as object).constructor as unknown as Class
  return {
    Query: classOf(sql.unsafe('')),
    Identifier: classOf(sql('x')),
    Builder: classOf(sql({})),
  }
}

/** Whether a call of the function makes a query, and no helper. */
export function isTemplate(first: unknown): boolean {
  return Array.isArray(first) && 'raw' in first
}
