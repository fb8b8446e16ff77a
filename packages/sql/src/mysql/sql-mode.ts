/**
 * The parts of the session's `sql_mode` that change how text becomes tokens and trees. Lexer and
 * server must agree on them: with the wrong quotes or escapes a value breaks out of its string.
 *
 * Source: MySQL 8.4 reference manual 7.1.11; MariaDB "SQL_MODE".
 */
import { sqlError } from '../errors.ts'

export interface MysqlMode {
  /** `"a"` is an identifier, not a string. */
  readonly ansiQuotes: boolean
  /** A backslash in a string is a character like any other. */
  readonly noBackslashEscapes: boolean
  /** `||` joins strings; otherwise it is `OR`. */
  readonly pipesAsConcat: boolean
  /** Space may stand between the name of a built-in function and its parenthesis. */
  readonly ignoreSpace: boolean
  /** `NOT` binds as tightly as `!`. */
  readonly highNotPrecedence: boolean
}

/** What a session has when nobody changed `sql_mode` in a way that matters to the parser. */
export const defaultMysqlMode: MysqlMode = {
  ansiQuotes: false,
  noBackslashEscapes: false,
  pipesAsConcat: false,
  ignoreSpace: false,
  highNotPrecedence: false,
}

/** Modes that stand for several others. The server lists the parts too, a configuration may not. */
const ansiModes = new Set(['ANSI', 'DB2', 'MAXDB', 'POSTGRESQL'])

/** Modes that switch MariaDB to another grammar or other quotes. */
const foreignModes = new Set(['ORACLE', 'MSSQL'])

/**
 * Reads the value of `@@sql_mode`, a comma list such as `ANSI_QUOTES,STRICT_TRANS_TABLES`.
 *
 * @throws SETTEE_SQL_UNSUPPORTED_MODE for `ORACLE` and `MSSQL`, whose grammar is another one.
 */
export function parseSqlMode(text: string): MysqlMode {
  const names = new Set(
    text
      .toUpperCase()
      .split(',')
      .map((name) => name.trim()),
  )
  for (const name of names) {
    if (!foreignModes.has(name)) continue
    throw sqlError(
      'SETTEE_SQL_UNSUPPORTED_MODE',
      `sql_mode contains ${name}, which changes the grammar; remove it from the session's sql_mode`,
    )
  }
  const isAnsi = [...names].some((name) => ansiModes.has(name))
  return {
    ansiQuotes: isAnsi || names.has('ANSI_QUOTES'),
    noBackslashEscapes: names.has('NO_BACKSLASH_ESCAPES'),
    pipesAsConcat: isAnsi || names.has('PIPES_AS_CONCAT'),
    ignoreSpace: isAnsi || names.has('IGNORE_SPACE'),
    highNotPrecedence: names.has('HIGH_NOT_PRECEDENCE'),
  }
}
