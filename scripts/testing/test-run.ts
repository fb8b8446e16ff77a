/**
 * Runs test files in one child process and counts what they report.
 *
 * Nothing is believed by silence: a file that defines no test, a process that ends early, one that
 * hangs and one that cannot end because something was left open all count as failures.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { rootDirectory, sourceEnvironment } from '../tool.ts'
import type { TestMessage } from './reporter.ts'

export interface TestLimits {
  /** Time without any event after which the process is killed, in ms. */
  readonly silenceMs: number
  /** Time that the process has to end after its last file, in ms. */
  readonly exitMs: number
}

export const defaultLimits: TestLimits = { silenceMs: 5 * 60_000, exitMs: 10_000 }

export interface FileResult {
  readonly file: string
  passed: number
  failed: number
  skipped: number
  durationMs: number
  /** Failures in full, for the end of the run. */
  readonly reports: string[]
}

/** Size of the process's own output that is kept to be shown with a failure, in characters. */
const outputTailChars = 32_768

/**
 * Runs `files` one after the other in a process of their own. `onFile` is called as each ends;
 * resolves with one result for each. A file that brings the process down does not spoil the others:
 * they run in a new one.
 */
export async function runTestFiles(
  files: readonly string[],
  onFile: (result: FileResult) => void,
  limits: TestLimits = defaultLimits,
): Promise<readonly FileResult[]> {
  const results: FileResult[] = []
  let waiting = files
  while (waiting.length > 0) {
    const done = await new TestRun(waiting, onFile, limits).finished
    results.push(...done)
    const rest = waiting.filter((file) => !done.some((result) => result.file === file))
    if (done.length === 0) {
      // All files load before the first one runs, and one of them ended the process: which?
      for (const file of rest) results.push(...(await runTestFiles([file], onFile, limits)))
      break
    }
    waiting = rest
  }
  return results
}

/** One process. Its result leaves out the files that it did not get to, unless it has only one. */
class TestRun {
  readonly finished: Promise<readonly FileResult[]>
  readonly #results: Map<string, FileResult>
  readonly #onFile: (result: FileResult) => void
  readonly #limits: TestLimits
  readonly #child: ChildProcess
  readonly #ended = new Set<FileResult>()
  #running: FileResult | undefined
  #runningTest = ''
  #watchdog: NodeJS.Timeout | undefined
  #openResources: readonly string[] = []
  #output = ''
  /** Why the process was killed, when it was. */
  #killedBecause: string | undefined

  constructor(files: readonly string[], onFile: (result: FileResult) => void, limits: TestLimits) {
    this.#results = new Map(files.map((file) => [file, createResult(file)]))
    this.#onFile = onFile
    this.#limits = limits
    this.#child = startTestProcess(files)
    this.#child.stdout!.on('data', (chunk: Buffer) => this.#keepOutput(chunk))
    this.#child.stderr!.on('data', (chunk: Buffer) => this.#keepOutput(chunk))
    this.#child.on('message', (message) => this.#receive(message as TestMessage))
    this.#watch(limits.silenceMs, `no test ended within ${limits.silenceMs / 1000} s`)
    this.finished = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        clearTimeout(this.#watchdog)
        this.#settle(signal ?? `exit code ${code}`)
        resolve([...this.#ended])
      })
    })
  }

  #receive(message: TestMessage): void {
    const { silenceMs, exitMs } = this.#limits
    if (message.type === 'open') {
      this.#openResources = message.resources
      return
    }
    this.#watch(silenceMs, `no test ended within ${silenceMs / 1000} s`)
    if (message.type === 'start') {
      this.#running = this.#results.get(message.file)
      this.#runningTest = message.file
    } else if (message.type === 'begin') {
      this.#runningTest = message.path
    } else if (message.type === 'end') {
      this.#end(this.#results.get(message.file)!, message.durationMs)
      if (this.#ended.size === this.#results.size) {
        this.#watch(exitMs, `the process did not end within ${exitMs / 1000} s of its last test`)
      }
    } else if (this.#running !== undefined) {
      if (message.type === 'fail') fail(this.#running, message.report)
      else if (message.type === 'pass') this.#running.passed++
      else this.#running.skipped++
    }
  }

  #end(result: FileResult, durationMs: number): void {
    result.durationMs = durationMs
    if (result.passed + result.failed + result.skipped === 0) {
      fail(result, `${result.file}\n    The file defines no test; add one or delete the file.`)
    }
    this.#running = undefined
    this.#ended.add(result)
    this.#onFile(result)
  }

  #watch(ms: number, reason: string): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => {
      this.#killedBecause = reason
      this.#child.kill('SIGKILL')
    }, ms)
  }

  /** Accounts for what the process did not report itself. */
  #settle(ending: string): void {
    const reason = this.#killedBecause ?? `the test process ended early (${ending})`
    const broken = this.#running ?? (this.#results.size === 1 ? this.#first() : undefined)
    const last = [...this.#ended].at(-1)
    if (broken !== undefined && !this.#ended.has(broken)) {
      fail(broken, `${this.#runningTest || broken.file}\n    ${reason} while this ran`)
      this.#end(broken, 0)
    } else if (last !== undefined && !this.#hasEndedWell(ending)) {
      const open = this.#openResources.filter((name) => name !== 'PipeWrap').join(', ')
      const left = open === '' ? '' : `; left open: ${open}`
      fail(last, `${last.file}, or a file before it\n    ${reason}${left}`)
    }
    const firstFailed = [...this.#ended].find((result) => result.failed > 0)
    if (firstFailed !== undefined && this.#output !== '') {
      firstFailed.reports.push(`output of the process with ${firstFailed.file}\n${this.#output}`)
    }
  }

  /** Whether all files ran and the process left by itself, with a code that failures explain. */
  #hasEndedWell(ending: string): boolean {
    if (this.#killedBecause !== undefined || this.#ended.size < this.#results.size) return false
    return ending === 'exit code 0' || [...this.#ended].some(({ failed }) => failed > 0)
  }

  #first(): FileResult {
    return this.#results.values().next().value!
  }

  #keepOutput(chunk: Buffer): void {
    this.#output = (this.#output + chunk.toString()).slice(-outputTailChars)
  }
}

function startTestProcess(files: readonly string[]): ChildProcess {
  const reporter = `${import.meta.dirname}/reporter.ts`
  return spawn(
    process.execPath,
    [
      '--test-reporter',
      reporter,
      '--test-reporter-destination=stdout',
      `${import.meta.dirname}/process.ts`,
      ...files,
    ],
    {
      cwd: rootDirectory,
      // Set when `node --test` runs this very file: the child must not report to that runner.
      env: { ...sourceEnvironment(), NODE_TEST_CONTEXT: undefined },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  )
}

function createResult(file: string): FileResult {
  return { file, passed: 0, failed: 0, skipped: 0, durationMs: 0, reports: [] }
}

function fail(result: FileResult, report: string | undefined): void {
  result.failed++
  if (report !== undefined) result.reports.push(report)
}
