export { createParseCache, type ParseCache, type ParseCacheOptions } from '../parse-cache.ts'
export {
  loadPostgresGrammar,
  nodeOf,
  withItemsOf,
  type PostgresGrammar,
  type Statement,
  type StatementNode,
  type WithItem,
} from './grammar.ts'
export type { SqlText, Token } from './sql-text.ts'
export type {
  DeleteStmt,
  InsertStmt,
  MergeStmt,
  Node,
  ParseResult,
  RangeVar,
  ReturningClause,
  SelectStmt,
  TransactionStmt,
  UpdateStmt,
} from 'libpg-query'
