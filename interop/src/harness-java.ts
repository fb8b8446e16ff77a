/**
 * Java peers: builds a Maven project of `interop/java`, and runs its program in a JVM that is
 * controlled by lines of JSON.
 *
 *     stdin   {"id":7,"op":"begin", ...}        one request a line
 *     stdout  {"id":7,"ok":{...}}               or {"id":7,"error":{"type":...,"message":...}}
 *             {"ready":true}                    first, once the program takes requests
 *     stderr  the log, into a file
 */
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { globSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

const javaRoot = join(import.meta.dirname, '..', 'java')

/** The first build downloads the jars. */
const buildTimeoutMs = 10 * 60_000
const startTimeoutMs = 60_000
/** A request without an answer has failed, in ms. */
const requestTimeoutMs = 60_000

export interface JavaBuild {
  /** For `java -cp`. */
  readonly classPath: string
  /** Absolute path of the project's folder for what it builds. */
  readonly target: string
}

/**
 * Builds a project with Maven, unless neither pom nor sources have changed. Its pom must write
 * classes to `target/PROFILE/classes` and copy its dependencies to `target/PROFILE/lib`.
 * @param project folder in `interop/java`.
 * @param profile of the pom; also the name of the folder in `target`.
 * @throws with what to install when there is no Maven or JDK, or the output of a failed build.
 */
export function buildJava(project: string, profile: string): JavaBuild {
  const folder = join(javaRoot, project)
  const target = join(folder, 'target', profile)
  const build = { classPath: [join(target, 'classes'), join(target, 'lib', '*')].join(':'), target }
  const stamp = join(target, 'stamp')
  const state = hashSources(folder)
  if (readIfThere(stamp) === state) return build
  const maven = spawnSync('mvn', ['-B', '-q', '-P', profile, 'package'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: buildTimeoutMs,
  })
  if (maven.error !== undefined || maven.status !== 0) {
    const isMissing = (maven.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
    throw new Error(
      isMissing
        ? 'interop needs a JDK 17 and Maven: install them with "npm run setup:integration"'
        : `mvn -P ${profile} package failed in ${folder}:\n${maven.stdout}${maven.stderr}`,
      { cause: maven.error },
    )
  }
  writeFileSync(stamp, state)
  return build
}

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** A field of an answer that must be a text. */
export function textIn(answer: JsonObject, name: string): string {
  const value = answer[name]
  if (typeof value === 'string') return value
  throw new Error(`${name} is no text in ${JSON.stringify(answer)}`)
}

/** A request that the program could not carry out. */
export class JavaError extends Error {
  /** Class of the exception, without its package. */
  readonly type: string
  /** Name of the TransactionExceptionCode when it has one. */
  readonly code: string
  /** Classes and messages of the exception and its causes. */
  readonly chain: string

  constructor({ type, message, code, chain }: Readonly<Record<string, string>>) {
    super(`${type}: ${message}`)
    this.type = type!
    this.code = code!
    this.chain = chain!
    this.stack = `JavaError: ${chain} (code ${code || 'none'})`
  }
}

export interface JavaProgramOptions {
  readonly build: JavaBuild
  readonly mainClass: string
  readonly arguments?: readonly string[]
  /** System properties. */
  readonly properties?: Readonly<Record<string, string>>
  /** File for the log; its folder is made. */
  readonly logFile: string
}

export interface JavaProgram {
  readonly pid: number
  readonly logFile: string
  /** Sends a request and waits for its answer; throws {@link JavaError}. */
  request(op: string, parameters?: JsonObject): Promise<JsonObject>
  /** Ends the JVM at once. Harmless when it has ended. */
  stop(): Promise<void>
}

/** Runs a program that needs no control to its end, and returns the lines that it printed. */
export function runJava(build: JavaBuild, mainClass: string): string[] {
  const result = spawnSync('java', [...jvmArguments, '-cp', build.classPath, mainClass], {
    encoding: 'utf8',
    timeout: startTimeoutMs,
    maxBuffer: 2 ** 26,
  })
  if (result.error !== undefined || result.status !== 0) {
    throw new Error(`${mainClass} failed:\n${result.stderr.slice(-4000)}`, { cause: result.error })
  }
  return result.stdout.split('\n').filter((line) => line.startsWith('{'))
}

const jvmArguments: readonly string[] = [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  // What cglib and kryo of the older releases need on a newer JDK.
  '--add-opens=java.base/java.lang=ALL-UNNAMED',
]

/** Starts a JVM and waits until its program says that it is ready. */
export async function startJava(options: JavaProgramOptions): Promise<JavaProgram> {
  await mkdir(join(options.logFile, '..'), { recursive: true })
  const log = openSync(options.logFile, 'w')
  const properties = { 'user.timezone': 'UTC', ...options.properties }
  const child = spawn(
    'java',
    [
      ...jvmArguments,
      ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
      '-cp',
      options.build.classPath,
      options.mainClass,
      ...(options.arguments ?? []),
    ],
    { stdio: ['pipe', 'pipe', log] },
  ) as ControlledChild
  const program = new ControlledJava(child, options.logFile)
  try {
    await program.whenReady()
  } catch (error) {
    await program.stop()
    const text = readIfThere(options.logFile)?.slice(-4000)
    throw new Error(`${options.mainClass} did not start:\n${text}`, { cause: error })
  }
  return program
}

type ControlledChild = ChildProcessByStdio<Writable, Readable, null>

interface Waiting {
  readonly resolve: (answer: JsonObject) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

class ControlledJava implements JavaProgram {
  readonly logFile: string
  readonly #child: ControlledChild
  readonly #waiting = new Map<number, Waiting>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #ended: Promise<unknown>
  #lastId = 0

  constructor(child: ControlledChild, logFile: string) {
    this.logFile = logFile
    this.#child = child
    this.#ended = once(child, 'close').catch(() => {})
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (line) => this.#onLine(line))
    child.once('error', (error) => this.#onEnd(error))
    child.once('close', (code, signal) =>
      this.#onEnd(new Error(`the JVM ended (${signal ?? code}); see ${logFile}`)),
    )
    process.once('exit', this.#kill)
  }

  get pid(): number {
    return this.#child.pid!
  }

  async whenReady(): Promise<void> {
    const timer = setTimeout(() => this.#onEnd(new Error('start timeout')), startTimeoutMs)
    await this.#ready.promise.finally(() => clearTimeout(timer))
  }

  request(op: string, parameters: JsonObject = {}): Promise<JsonObject> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new Error(`${op} was not answered within ${requestTimeoutMs} ms`))
      }, requestTimeoutMs)
      this.#waiting.set(id, { resolve, reject, timer })
      this.#child.stdin.write(`${JSON.stringify({ id, op, ...parameters })}\n`)
    })
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill)
    this.#kill()
    await this.#ended
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL')

  #onLine(line: string): void {
    // Libraries print to stdout too.
    if (!line.startsWith('{')) return
    const answer = JSON.parse(line) as {
      id?: number
      ok?: JsonObject
      error?: Record<string, string>
    }
    if (answer.id === undefined) return this.#ready.resolve()
    const waiting = this.#waiting.get(answer.id)
    if (waiting === undefined) return
    this.#waiting.delete(answer.id)
    clearTimeout(waiting.timer)
    if (answer.error === undefined) waiting.resolve(answer.ok ?? {})
    else waiting.reject(new JavaError(answer.error))
  }

  #onEnd(error: Error): void {
    this.#ready.reject(error)
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(error)
    }
    this.#waiting.clear()
  }
}

/** Changes when anything does that the build is made of. */
function hashSources(folder: string): string {
  const hash = createHash('sha256')
  for (const file of globSync(['pom.xml', 'src/**/*.*'], { cwd: folder }).toSorted()) {
    hash.update(file).update(readFileSync(join(folder, file)))
  }
  return hash.digest('hex')
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
