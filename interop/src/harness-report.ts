/** What an interop run found out: checks with their results, printed as they end. */
import { inspect } from 'node:util'

interface Failure {
  readonly name: string
  readonly error: unknown
}

/**
 * A check that takes longer has failed, in ms; raise it for checks that wait for a peer's timer.
 */
const defaultTimeoutMs = 60_000

export class Report {
  readonly #only: string
  readonly #failures: Failure[] = []
  #passed = 0

  /** @param only checks whose `group: name` does not contain it are left out. */
  constructor(only: string) {
    this.#only = only.toLowerCase()
  }

  /** Says who takes part, with the version. */
  peer(name: string, version: string): void {
    console.log(`peer  ${name} ${version}`)
  }

  note(text: string): void {
    console.log(`      ${text}`)
  }

  /** The checks of one peer, for instance of one version on one database. */
  group(name: string): CheckGroup {
    return new CheckGroup(this, name)
  }

  isWanted(name: string): boolean {
    return this.#only === '' || name.toLowerCase().includes(this.#only)
  }

  pass(name: string, durationMs: number, found = ''): void {
    this.#passed += 1
    console.log(`ok    ${seconds(durationMs)}  ${name}${found === '' ? '' : ` (${found})`}`)
  }

  fail(name: string, error: unknown, durationMs = 0): void {
    this.#failures.push({ name, error })
    console.log(`FAIL  ${seconds(durationMs)}  ${name}`)
  }

  /** Prints the failures and the closing line; returns the exit code. */
  summarize(): number {
    for (const { name, error } of this.#failures) {
      console.log(`\nFAIL ${name}\n${inspect(error, { depth: 6 }).slice(0, 6000)}`)
    }
    console.log(`\n${this.#passed} passed, ${this.#failures.length} failed`)
    return this.#failures.length === 0 && this.#passed > 0 ? 0 : 1
  }
}

export class CheckGroup {
  readonly #report: Report
  readonly #name: string

  constructor(report: Report, name: string) {
    this.#report = report
    this.#name = name
  }

  /**
   * Runs one check. Its failure is counted, printed at the end and not thrown.
   * @param run fails by throwing; what it returns is printed beside the result.
   * @param timeoutMs default 60,000.
   */
  async check(
    name: string,
    run: () => Promise<string | void>,
    timeoutMs: number = defaultTimeoutMs,
  ): Promise<void> {
    const fullName = `${this.#name}: ${name}`
    if (!this.#report.isWanted(fullName)) return
    const startMs = performance.now()
    try {
      const found = await withDeadline(run(), timeoutMs)
      this.#report.pass(fullName, performance.now() - startMs, found ?? '')
    } catch (error) {
      this.#report.fail(fullName, error, performance.now() - startMs)
    }
  }
}

/** Waits until `isDone` says so, looking every 20 ms; throws `what` after `timeoutMs`. */
export async function eventually(
  what: string,
  isDone: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await isDone())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function withDeadline<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(2).padStart(6)} s`
}
