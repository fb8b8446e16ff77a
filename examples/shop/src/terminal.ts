/** What the person at the terminal sees while it runs. */

/** One line that is written over on a terminal, and written once in a while elsewhere. */
export interface ProgressLine {
  update(text: string): void
  /** Prints a line above the progress. */
  log(text: string): void
  end(): void
}

const quietMs = 2000

export function createProgressLine(stream: NodeJS.WriteStream = process.stdout): ProgressLine {
  let current = ''
  let lastPrintedMs = -Infinity
  const clear = stream.isTTY ? '\r\x1b[2K' : ''

  return {
    update(text) {
      if (text === current) return
      current = text
      if (stream.isTTY) {
        stream.write(`${clear}  ${text}`)
      } else if (performance.now() - lastPrintedMs >= quietMs) {
        lastPrintedMs = performance.now()
        stream.write(`  ${text}\n`)
      }
    },
    log(text) {
      stream.write(`${clear}${text}\n`)
      if (stream.isTTY && current !== '') stream.write(`  ${current}`)
    },
    end() {
      if (current !== '' && (stream.isTTY || lastPrintedMs === -Infinity)) {
        stream.write(`${clear}  ${current}\n`)
      }
      current = ''
    },
  }
}

/** A bar of `width` characters, `done` of `total` filled. */
export function bar(done: number, total: number, width = 30): string {
  const filled = Math.round((done / total) * width)
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}`
}
