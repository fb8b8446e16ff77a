/** Modes and short cuts that the tests of the parser share. */
import { defaultMysqlMode, parseMysql, type Expression, type MysqlMode } from './index.ts'

export const ansiQuotes: MysqlMode = { ...defaultMysqlMode, ansiQuotes: true }
export const noEscapes: MysqlMode = { ...defaultMysqlMode, noBackslashEscapes: true }
export const ansiNoEscapes: MysqlMode = { ...ansiQuotes, noBackslashEscapes: true }

/** The first expression that `SELECT text` selects. */
export function selectedExpression(text: string, mode: MysqlMode = defaultMysqlMode): Expression {
  const [statement] = parseMysql(`SELECT ${text}`, mode)
  if (statement?.kind !== 'select' || statement.query.body.kind !== 'select') {
    throw new Error(`${text} is no expression`)
  }
  return statement.query.body.items[0]!.expression as Expression
}
