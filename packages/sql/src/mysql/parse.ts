/** Text to statements. */
import { sqlError } from '../errors.ts'
import type { MysqlStatement } from './ast.ts'
import { tokenizeMysql } from './lexer.ts'
import type { MysqlMode } from './sql-mode.ts'
import { StatementParser } from './statement-parser.ts'
import { Tokens } from './tokens.ts'

/** What one text may cost. */
export interface MysqlParseLimits {
  /** Longest text, in UTF-16 code units. Default 16 Mi. */
  readonly maxTextLength?: number
  /** Deepest nesting of parentheses, subqueries and operators. Default 200. */
  readonly maxDepth?: number
  /** Most statements in one text. Default 1000. */
  readonly maxStatements?: number
}

/**
 * Parses all statements of `text` under the session's `mode`. An empty text, or one of comments
 * and semicolons only, has none.
 *
 * @throws SETTEE_SQL_SYNTAX, SETTEE_SQL_EXECUTABLE_COMMENT, SETTEE_SQL_AMBIGUOUS,
 *   SETTEE_SQL_TOO_LONG, SETTEE_SQL_TOO_DEEP, SETTEE_SQL_TOO_MANY_STATEMENTS; `details` holds
 *   `offset` (UTF-16), `line` and `column` (from 1) and, for a syntax error, `expected`.
 */
export function parseMysql(
  text: string,
  mode: MysqlMode,
  limits: MysqlParseLimits = {},
): readonly MysqlStatement[] {
  return parseTokens(text, tokenizeWithinLimits(text, mode, limits), mode, limits)
}

/**
 * The statements of a text that was cut into `tokens` already. Throws as {@link parseMysql} does.
 */
export function parseTokens(
  text: string,
  tokens: Tokens,
  mode: MysqlMode,
  limits: MysqlParseLimits,
): readonly MysqlStatement[] {
  const { maxDepth = 200, maxStatements = 1000 } = limits
  return new StatementParser(text, mode, tokens, { maxDepth, maxStatements }).statements()
}

/** The tokens of `text`. Throws as {@link parseMysql} does. */
export function tokenizeWithinLimits(
  text: string,
  mode: MysqlMode,
  limits: MysqlParseLimits,
): Tokens {
  const { maxTextLength = 16 * 1024 * 1024 } = limits
  if (text.length > maxTextLength) {
    throw sqlError(
      'SETTEE_SQL_TOO_LONG',
      `the text has ${text.length} characters, more than the limit of ${maxTextLength}`,
      { details: { offset: maxTextLength, line: 1, column: 1 } },
    )
  }
  const tokens = new Tokens(Math.min(16 + (text.length >> 2), 4096))
  tokenizeMysql(text, mode, tokens)
  return tokens
}
