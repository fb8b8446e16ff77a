/**
 * One coordinator, Settee's or Seata's, with a Java and a TypeScript process on the same databases,
 * and a third party that begins and ends transactions.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { GlobalStatus, MessageType, nameOf } from '@settee/tx/protocol'
import { startCoordinator } from '../harness-coordinator.ts'
import { createDatabase, type TestDatabase, type TestDatabases } from '../harness-databases.ts'
import type { Report } from '../harness-report.ts'
import { openTap, type Tap } from '../harness-tap.ts'
import { JavaClient, type ClientVersion } from '../java-clients/java-client.ts'
import { createAccounts } from '../seata-server/scene.ts'
import { startSeataServer } from '../seata-server/seata-server.ts'
import { connectWireClient, type WireClient } from '../seata-server/wire-client.ts'
import { columnPreparations } from './column-cases.ts'
import { startService, type Service } from './service.ts'

export type CoordinatorKind = 'settee' | 'seata-server'

export interface Coordinator {
  readonly kind: CoordinatorKind
  readonly address: string
  stop(): Promise<void>
}

export async function startMixedCoordinator(kind: CoordinatorKind): Promise<Coordinator> {
  const started = kind === 'settee' ? await startCoordinator() : await startSeataServer()
  return { kind, address: started.address, stop: () => started.stop() }
}

export interface MixedOptions {
  readonly coordinator: Coordinator
  readonly version: ClientVersion
  readonly servers: TestDatabases
  readonly logFolder: string
  readonly report: Report
}

export class MixedScene {
  readonly databases: TestDatabase[] = []
  readonly tap: Tap
  readonly #options: MixedOptions
  readonly #manager: WireClient
  #java: JavaClient | undefined
  #service: Service | undefined

  private constructor(options: MixedOptions, tap: Tap, manager: WireClient) {
    this.#options = options
    this.tap = tap
    this.#manager = manager
  }

  static async open(options: MixedOptions): Promise<MixedScene> {
    const { coordinator, servers, version } = options
    const tap = await openTap(() => coordinator.address)
    const manager = await connectWireClient(coordinator.address, {
      type: MessageType.RegisterTM,
      version: '2.6.0',
      applicationId: 'settee-mixed',
      transactionServiceGroup: 'default_tx_group',
      extraData: '',
    })
    const scene = new MixedScene(options, tap, manager)
    const side = coordinator.kind === 'settee' ? 'ours' : 'theirs'
    const name = `mixed_${side}_${version.replaceAll('.', '_')}`
    for (const kind of ['postgres', 'mariadb'] as const) {
      const database = await createDatabase(servers, kind, name)
      await createAccounts(database)
      for (const statement of columnPreparations[kind]) await database.query(statement)
      scene.databases.push(database)
    }
    await scene.startService()
    await scene.startJava()
    return scene
  }

  get java(): JavaClient {
    assert.ok(this.#java !== undefined)
    return this.#java
  }

  async begin(timeoutMs = 300_000): Promise<string> {
    const { xid } = await this.#manager.call({
      type: MessageType.GlobalBegin,
      timeoutMs,
      transactionName: 'mixed',
    })
    return xid
  }

  commit(xid: string): Promise<string> {
    return this.#end(MessageType.GlobalCommit, xid)
  }

  rollBack(xid: string): Promise<string> {
    return this.#end(MessageType.GlobalRollback, xid)
  }

  /** Runs statements in the TypeScript process. */
  join(xid: string, database: TestDatabase, statements: readonly string[]): Promise<void> {
    return this.#service!.join(xid, database, statements)
  }

  /** Runs statements in the Java process, in one local transaction. */
  async joinJava(
    xid: string,
    database: TestDatabase,
    statements: readonly string[],
  ): Promise<void> {
    const session = this.java.session('joined')
    await session.request('bind', { xid })
    await session.sql(database, statements).finally(() => session.request('unbind'))
  }

  async startService(): Promise<void> {
    this.#service = await startService({
      coordinator: this.tap.address,
      applicationId: 'settee-service',
      databases: this.databases,
      undoNamespace: this.#options.version === '2.6.0' ? 'org.apache.seata' : 'io.seata',
    })
  }

  async startJava(): Promise<void> {
    const { version, logFolder, coordinator } = this.#options
    this.#java = await JavaClient.start({
      version,
      applicationId: `java-${version}`,
      coordinator: this.tap.address,
      logFolder: join(logFolder, coordinator.kind),
    })
    for (const database of this.databases) {
      assert.equal(await this.#java.open(database), database.jdbcUrl)
    }
  }

  async killService(): Promise<void> {
    await this.#service?.kill()
    this.#service = undefined
  }

  async killJava(): Promise<void> {
    await this.#java?.stop()
    this.#java = undefined
  }

  note(text: string): void {
    this.#options.report.note(text)
  }

  async stop(): Promise<void> {
    await this.killService()
    await this.killJava()
    this.#manager.close()
    await this.tap.stop()
  }

  async #end(
    type: typeof MessageType.GlobalCommit | typeof MessageType.GlobalRollback,
    xid: string,
  ): Promise<string> {
    const answer = await this.#manager.callAny({ type, xid, extraData: '' })
    return nameOf(GlobalStatus, (answer as { globalStatus: GlobalStatus }).globalStatus)
  }
}
