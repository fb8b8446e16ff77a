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
 * resolves when the process is gone, with one result for each file.
 */
export function runTestFiles(
  files: readonly string[],
  onFile: (result: FileResult) => void,
  limits: TestLimits = defaultLimits,
): Promise<readonly FileResult[]> {
  return new TestRun(files, onFile, limits).finished
}

class TestRun {
  readonly finished: Promise<readonly FileResult[]>
  readonly #results: Map<string, FileResult>
  readonly #onFile: (result: FileResult) => void
  readonly #limits: TestLimits
  readonly #child: ChildProcess
  readonly #ended = new Set<FileResult>()
  #running: FileResult | undefined
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
        resolve([...this.#results.values()])
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
    const unfinished = [...this.#results.values()].filter((result) => !this.#ended.has(result))
    const reason = this.#killedBecause ?? `the test process ended early (${ending})`
    for (const result of unfinished) {
      const wasRunning = result === this.#running
      const text = wasRunning ? `${reason} while this file ran` : `did not run: ${reason}`
      fail(result, `${result.file}\n    ${text}`)
      this.#end(result, 0)
    }
    const all = [...this.#results.values()]
    if (unfinished.length === 0 && this.#killedBecause !== undefined) {
      const last = all.at(-1)!
      const open = this.#openResources.filter((name) => name !== 'PipeWrap').join(', ')
      fail(last, `${last.file} or a file before it\n    ${reason}; left open: ${open}`)
    }
    const firstFailed = all.find((result) => result.failed > 0)
    if (firstFailed !== undefined && this.#output !== '') {
      firstFailed.reports.push(`output of the process with ${firstFailed.file}\n${this.#output}`)
    }
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
