/** The errors of lexer and parser: every one says where. */
import type { SetteeError } from '@settee/kit'
import { sqlError } from '../errors.ts'

type FailureCode = Parameters<typeof sqlError>[0]

/** An error at `offset`, whose message says what and whose details hold offset, line and column. */
export function failAt(
  code: FailureCode,
  text: string,
  offset: number,
  what: string,
  expected?: string,
): SetteeError {
  let line = 1
  let lineStart = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    lineStart = at + 1
  }
  const column = offset - lineStart + 1
  return sqlError(code, `${what} at line ${line}, column ${column} (offset ${offset})`, {
    details: { offset, line, column, ...(expected === undefined ? {} : { expected }) },
  })
}

/** A few characters of the text from `offset`, for a message. */
export function excerpt(text: string, offset: number): string {
  if (offset >= text.length) return 'the end of the text'
  const piece = text.slice(offset, offset + 24).replaceAll(/\s+/g, ' ')
  return `"${piece}${offset + 24 < text.length ? '…' : ''}"`
}
