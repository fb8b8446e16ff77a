/**
 * Dates, timestamps and bytes between the text of a database and the numbers of Jackson. Times are
 * UTC. Every function returns undefined for what it cannot express exactly.
 */

/** The instants that a Date holds, in ms on both sides of 1970. */
const maxMs = 8.64e15

const pattern = /^(\d{4,6})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?)?$/

/** `2024-02-29` or `2024-02-29 23:59:59.123456` as ms since 1970 and the fraction in ns. */
export function epochMs(text: string): { ms: number; nanos: number } | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = match
  const nanos = Number(fraction.padEnd(9, '0'))
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second), Math.floor(nanos / 1e6))
  const ms = date.getTime()
  return Number.isNaN(ms) ? undefined : { ms, nanos }
}

/** `2024-02-29`. */
export function dateText(ms: number): string | undefined {
  if (!Number.isInteger(ms) || Math.abs(ms) > maxMs) return undefined
  const date = new Date(ms)
  const year = date.getUTCFullYear()
  if (year < 1) return undefined
  return `${String(year).padStart(4, '0')}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
}

/** `2024-02-29 23:59:59.123456`: no fraction when it is zero, no zeros at its end. */
export function timestampText(
  ms: number,
  nanos: number = (((ms % 1000) + 1000) % 1000) * 1e6,
): string | undefined {
  const day = dateText(ms)
  if (day === undefined || !Number.isInteger(nanos) || nanos < 0 || nanos >= 1e9) return undefined
  const date = new Date(ms)
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
  const time = clock.map(two).join(':')
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`
  return `${day} ${time}${fraction}`
}

/** Base64 as lower-case hexadecimal. */
export function bytesText(base64: string): string | undefined {
  if (!/^[A-Za-z\d+/]*={0,2}$/.test(base64)) return undefined
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64') === base64 ? bytes.toString('hex') : undefined
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
