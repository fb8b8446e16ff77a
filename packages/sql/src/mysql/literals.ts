/** What quoted text stands for. */
import type { MysqlMode } from './sql-mode.ts'

/** The name of an identifier token: without its quotes, doubled quotes made single. */
export function identifierName(
  text: string,
  start: number,
  end: number,
  isQuoted: boolean,
): string {
  if (!isQuoted) return text.slice(start, end)
  const quote = text.charAt(start)
  const inner = text.slice(start + 1, end - 1)
  return inner.includes(quote) ? inner.replaceAll(quote + quote, quote) : inner
}

/** The value of the string token whose quotes are at `start` and `end - 1`. */
export function stringValue(text: string, start: number, end: number, mode: MysqlMode): string {
  const quote = text.charAt(start)
  const inner = text.slice(start + 1, end - 1)
  if (mode.noBackslashEscapes || !inner.includes('\\')) {
    return inner.includes(quote) ? inner.replaceAll(quote + quote, quote) : inner
  }
  let value = ''
  for (let at = 0; at < inner.length; at++) {
    const char = inner.charAt(at)
    if (char === '\\') value += escaped(inner.charAt(++at))
    else {
      value += char
      if (char === quote) at++
    }
  }
  return value
}

/** What the character behind a backslash stands for. Patterns keep `\%` and `\_` whole. */
function escaped(char: string): string {
  switch (char) {
    case '0':
      return '\0'
    case 'b':
      return '\b'
    case 'n':
      return '\n'
    case 'r':
      return '\r'
    case 't':
      return '\t'
    case 'Z':
      return '\u001A'
    case '%':
    case '_':
      return `\\${char}`
    default:
      return char
  }
}
