/**
 * PostgreSQL's own grammar (libpg-query: the server's parser and scanner as WebAssembly), loaded
 * when it is first needed: that takes some 10 ms and 3 MB.
 */
import type { Node, ParseResult, WithClause } from 'libpg-query'
import { readTokens, type SqlText } from './sql-text.ts'

export interface PostgresGrammar {
  /** The statements of a text as trees. Throws the server's own message for a text that is none. */
  parse(text: string): ParseResult
  /** The tokens of a text with their places. */
  scan(text: string): SqlText
}

let loading: Promise<PostgresGrammar> | undefined

/** The grammar, loaded once in a process. */
export function loadPostgresGrammar(): Promise<PostgresGrammar> {
  loading ??= load()
  return loading
}

async function load(): Promise<PostgresGrammar> {
  const { loadModule, parseSync, scanSync } = await import('libpg-query')
  await loadModule()
  return {
    parse: parseSync,
    // The scanner does not take an empty text.
    scan: (text) => readTokens((part) => (part === '' ? [] : scanSync(part).tokens), text),
  }
}

/** One statement as a tree: an object whose only key says of what kind it is. */
export type Statement = NonNullable<NonNullable<ParseResult['stmts']>[number]['stmt']>

type KindOf<Union> = Union extends unknown ? keyof Union : never
type NodeOf<Union, Kind extends PropertyKey> =
  Union extends Record<Kind, infer Node> ? { kind: Kind; node: Node } : never

/** A statement's kind beside its node, so that the one tells the type of the other. */
export type StatementNode = {
  [Kind in KindOf<Statement>]: NodeOf<Statement, Kind>
}[KindOf<Statement>]

/** Sorts out the kind of a statement. */
export function nodeOf(statement: Statement): StatementNode {
  const [kind, node] = Object.entries(statement)[0]!
  return { kind, node } as StatementNode
}

/** One `name AS (query)` of a WITH clause. */
export type WithItem = Extract<Node, Record<'CommonTableExpr', unknown>>['CommonTableExpr']

/** The items of a WITH clause, in the order of the text; none without a clause. */
export function withItemsOf(clause: WithClause | undefined): WithItem[] {
  return (clause?.ctes ?? []).flatMap((item) =>
    'CommonTableExpr' in item ? [item['CommonTableExpr']] : [],
  )
}
