/**
 * A JVM with Seata's own client in it, as typed calls. Its program is interop/java/seata-client.
 */
import { join } from 'node:path'
import type { TestDatabase } from '../harness-databases.ts'
import { buildJava, startJava, textIn, type JavaProgram, type JsonObject } from '../harness-java.ts'

/** The releases, oldest first; each is a profile of the pom. */
export const clientVersions = ['1.5.2', '2.0.0', '2.6.0'] as const
export type ClientVersion = (typeof clientVersions)[number]

export interface JavaClientOptions {
  readonly version: ClientVersion
  readonly applicationId: string
  /** Address of the coordinator. */
  readonly coordinator: string
  readonly logFolder: string
  /** Seata's settings beyond those that all clients get. */
  readonly settings?: Readonly<Record<string, string>>
}

export type BranchTypeName = 'AT' | 'TCC' | 'SAGA' | 'XA'

export interface BranchParameters extends JsonObject {
  readonly branchType: BranchTypeName
  readonly resourceId: string
  readonly xid: string
}

export interface SqlOptions extends JsonObject {
  /** Each statement alone instead of all in one local transaction. */
  readonly autoCommit?: boolean
  readonly mode?: 'XA'
}

/** Name of a database in the JVM. */
export function keyOf({ kind, name }: TestDatabase): string {
  return `${kind} ${name} `
}

/** One thread of the JVM: a transaction is bound to it. */
export class JavaSession {
  readonly #program: JavaProgram
  readonly #session: string

  constructor(program: JavaProgram, session: string) {
    this.#program = program
    this.#session = session
  }

  /** Begins a global transaction and returns its xid. */
  async begin(timeoutMs = 60_000): Promise<string> {
    return textIn(await this.request('begin', { timeoutMs }), 'xid')
  }

  async commit(): Promise<string> {
    return textIn(await this.request('commit'), 'status')
  }

  async rollback(): Promise<string> {
    return textIn(await this.request('rollback'), 'status')
  }

  /** Runs statements on the proxied data source, by default in one local transaction. */
  async sql(
    database: TestDatabase,
    statements: readonly string[],
    options: SqlOptions = {},
  ): Promise<void> {
    await this.request('sql', { db: keyOf(database), statements, ...options })
  }

  async status(xid: string): Promise<string> {
    return textIn(await this.request('status', { xid }), 'status')
  }

  /** Registers a branch by the resource manager's API. */
  async registerBranch(parameters: BranchParameters): Promise<string> {
    return textIn(await this.request('branchRegister', parameters), 'branchId')
  }

  request(op: string, parameters: JsonObject = {}): Promise<JsonObject> {
    return this.#program.request(op, { session: this.#session, ...parameters })
  }
}

export class JavaClient {
  readonly version: ClientVersion
  readonly #program: JavaProgram

  private constructor(version: ClientVersion, program: JavaProgram) {
    this.version = version
    this.#program = program
  }

  /** Builds the program when that is needed, starts it and waits until it takes requests. */
  static async start(options: JavaClientOptions): Promise<JavaClient> {
    const { version, applicationId, coordinator, logFolder } = options
    const program = await startJava({
      build: buildJava('seata-client', version),
      mainClass: 'settee.interop.SeataClient',
      arguments: [applicationId],
      properties: {
        'service.default.grouplist': coordinator,
        'client.rm.reportSuccessEnable': 'true',
        'transport.enableTmClientBatchSendRequest': 'true',
        'transport.enableRmClientBatchSendRequest': 'true',
        ...options.settings,
      },
      logFile: join(logFolder, `${applicationId}.log`),
    })
    return new JavaClient(version, program)
  }

  session(name: string): JavaSession {
    return new JavaSession(this.#program, name)
  }

  /** Proxies a data source and returns its resource id. */
  async open(database: TestDatabase, mode: 'AT' | 'XA' = 'AT'): Promise<string> {
    const { jdbcUrl, user, password } = database
    const db = keyOf(database)
    const answer = await this.#program.request('open', { db, url: jdbcUrl, user, password, mode })
    return textIn(answer, 'resourceId')
  }

  stop(): Promise<void> {
    return this.#program.stop()
  }
}
