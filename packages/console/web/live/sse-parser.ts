/**
 * Server-sent events out of the chunks of a response (WHATWG HTML, "Parsing an event stream"):
 * lines end with LF or CRLF, a line is `field: value` or a `: comment`, an empty line ends an
 * event. `id` and `retry` are not used: every event carries the whole state, and reconnecting is
 * ours.
 */

export interface ServerEvent {
  readonly topic: string
  readonly text: string
}

export interface SseParser {
  /** Takes the next piece of the stream, cut anywhere; throws when an event exceeds the limit. */
  readonly push: (chunk: string) => void
}

/** @param limitLength longest event in UTF-16 units, default 8 Mi. */
export function createSseParser(
  onEvent: (event: ServerEvent) => void,
  limitLength: number = 8 * 2 ** 20,
): SseParser {
  let pending = ''
  let topic = ''
  let lines: string[] = []
  let length = 0

  function takeLine(line: string): void {
    if (line === '') {
      if (lines.length > 0) onEvent({ topic: topic || 'message', text: lines.join('\n') })
      topic = ''
      lines = []
      length = 0
      return
    }
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') topic = value
    if (field !== 'data') return
    lines.push(value)
    length += value.length
  }

  return {
    push(chunk) {
      const [...complete] = (pending + chunk).split('\n')
      pending = complete.pop() ?? ''
      for (const line of complete) takeLine(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (pending.length + length > limitLength) {
        throw new Error(`an event is longer than ${limitLength} characters; reconnecting`)
      }
    },
  }
}
