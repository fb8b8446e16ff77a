/** MySQL and MariaDB SQL: parse, look into the tree, cache by text and by digest. */
export type * from './ast.ts'
export { defaultMysqlMode, parseSqlMode, type MysqlMode } from './sql-mode.ts'
export { parseMysql, type MysqlParseLimits } from './parse.ts'
export {
  createMysqlParser,
  type DigestedMysql,
  type MysqlParser,
  type MysqlParserOptions,
  type MysqlShape,
  type SourceValue,
} from './mysql-parser.ts'
export { createParseCache, type ParseCache, type ParseCacheOptions } from '../parse-cache.ts'
export { sqlErrors } from '../errors.ts'
export { tablesOf, type TableUse } from './table-uses.ts'
export {
  functionCallsIn,
  parametersIn,
  queriesIn,
  walkMysql,
  withoutParentheses,
  type AstNode,
} from './walk.ts'
