/**
 * The text and the values of a `mysql2` command, as AT mode wants them: before the driver has
 * written the values into the text, as far as each `?` stands for one value.
 */
import {
  isQuery,
  type ExecuteCommand,
  type Mysql2Connection,
  type QueryCommand,
} from './mysql2-driver.ts'
import { defaultQuoting, findPlaceholders, isScalar } from './sql-literals.ts'
import type { StatementText } from './session.ts'

export function readText(
  command: QueryCommand | ExecuteCommand,
  connection: Mysql2Connection,
): StatementText {
  if (!isQuery(command)) {
    const values = Array.isArray(command.parameters) ? (command.parameters as unknown[]) : []
    return {
      sql: command.sql ?? command.statement!.query,
      values: values.map((value) => asSent(value, connection)),
    }
  }
  const text = beforeFormat(command, connection)
  return text === undefined
    ? { sql: command.sql, values: [] }
    : { sql: text.sql, values: text.values.map((value) => asSent(value, connection)) }
}

/** Undefined when the driver made more of a `?` than one value: a list, a name, `SET ?`. */
function beforeFormat(
  command: QueryCommand,
  connection: Mysql2Connection,
): StatementText | undefined {
  if (command.values === undefined || connection.config.queryFormat !== undefined) return undefined
  const text = {
    sql: command._queryOptions.sql,
    values: command._queryOptions.values,
    namedPlaceholders: command.namedPlaceholders,
  }
  connection._resolveNamedPlaceholders?.(text)
  const { sql, values } = text
  if (!Array.isArray(values) || values.length === 0 || !values.every(isScalar)) return undefined
  // The driver may take a `?` in a string for a placeholder; a text with such is not looked into.
  const places = findPlaceholders(sql, defaultQuoting, false)
  const isPlain = places.length === values.length && sql.split('?').length - 1 === values.length
  return isPlain ? { sql, values } : undefined
}

/** A value in the form in which the server gets it: dates and objects as their text. */
function asSent(value: unknown, connection: Mysql2Connection): unknown {
  if (value === undefined) return null
  if (value instanceof Date) return connection.escape(value).slice(1, -1)
  return isScalar(value) ? value : JSON.stringify(value)
}
