export { createParseCache, type ParseCache, type ParseCacheOptions } from '../parse-cache.ts'
export {
  loadPostgresGrammar,
  nodeOf,
  type PostgresGrammar,
  type Statement,
  type StatementNode,
} from './grammar.ts'
export type { SqlText, Token } from './sql-text.ts'
export type {
  CommonTableExpr,
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
