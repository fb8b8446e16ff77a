/** The two ways in which the command talks to a person. */

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** @param sentence what happened and what to do. */
export function fail(sentence: string): void {
  process.stderr.write(`settee: ${sentence}\n`)
}
