/**
 * The parameters of a statement's text. SQLite takes a parameter without a value for NULL and
 * `$1::int` for the name of a parameter, both without a word; so the text is looked at here.
 */
import { txError } from '../../../errors.ts'

export interface Placeholders {
  /** `$1` … `$n` by number, or `?` by position. */
  readonly style: 'numbered' | 'positional'
  readonly count: number
}

/** What may contain a `?` or `$` that is none: strings, quoted names, comments. Then parameters. */
const tokenPattern = new RegExp(
  [
    /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]/,
    /--[^\n]*|\/\*[^]*?(?:\*\/|$)/,
    /\?\d*/,
    /(?<![\w$\u0080-\uffff])[$:@][\w$\u0080-\uffff]+(?:::[\w$\u0080-\uffff]*)*(?:\([^)\s]*\))?/,
  ]
    .map((part) => part.source)
    .join('|'),
  'g',
)

/**
 * Finds the parameters of one statement.
 * @throws SETTEE_TX_BAD_QUERY for other forms than `$1` … `$n` and `?`, for a mixture of both, and
 *   for a number that is left out.
 */
export function findPlaceholders(text: string): Placeholders {
  const numbers = new Set<number>()
  let positionalCount = 0
  for (const [token] of text.matchAll(tokenPattern)) {
    if (token === '?') positionalCount++
    else if (/^\$[1-9]\d{0,4}$/.test(token)) numbers.add(Number(token.slice(1)))
    else if (/^[?$:@]/.test(token)) throw unknownForm(token)
  }
  if (numbers.size > 0 && positionalCount > 0) {
    throw txError('SETTEE_TX_BAD_QUERY', 'a statement uses both ? and $1; choose one of them')
  }
  for (let number = 1; number <= numbers.size; number++) {
    if (!numbers.has(number)) {
      throw txError('SETTEE_TX_BAD_QUERY', `the parameter $${number} is left out of the text`)
    }
  }
  return numbers.size > 0
    ? { style: 'numbered', count: numbers.size }
    : { style: 'positional', count: positionalCount }
}

function unknownForm(token: string): Error {
  const advice = token.includes('::')
    ? 'SQLite has no :: casts, write CAST($1 AS type)'
    : 'use $1 … $n, or ?'
  return txError('SETTEE_TX_BAD_QUERY', `the parameter ${token} is not supported: ${advice}`)
}

/** Whether `rest`, the text behind the first statement, holds another one. */
export function hasStatement(rest: string): boolean {
  return rest.replace(/--[^\n]*|\/\*[^]*?(?:\*\/|$)|[\s;]+/g, '') !== ''
}
