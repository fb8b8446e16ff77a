/**
 * The whole shop as one thing to start, hurt and stop: databases, control plane, three services,
 * and a buyer that calls the order service.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRegistryClient, type RegistryClient } from '@settee/registry'
import { createRpcClient, type ClientOf, type RpcClient } from '@settee/rpc'
import { orderContract } from './contracts.ts'
import { createDatabases, serviceNames, type Databases, type ServerName } from './databases.ts'
import { startProcess, type RunningProcess } from './processes.ts'
import { seedSql } from './purchases.ts'
import type { ServiceName, ServiceOptions } from './services/main.ts'

export interface ShopOptions {
  /** `sqlite`, `postgres`, `mariadb`, `mixed` or a URL. */
  readonly db: string
  /** 0 takes any free port. */
  readonly ports: { readonly http: number; readonly tx: number; readonly registry: number }
  readonly hasConsole: boolean
  /** Whether the stock service runs twice, on one database. Default false. */
  readonly hasSecondStock?: boolean
  /** A purchase that is not through by then is rolled back, in ms. Default 4000. */
  readonly purchaseTimeoutMs?: number
  /** Told what is being done. */
  readonly onProgress: (sentence: string) => void
}

/** A process of a service. */
export type Instance = ServiceName | 'stock-2'

export type Victim = 'server' | Instance | ServerName

export interface Shop {
  readonly databases: Databases
  readonly orders: ClientOf<(typeof orderContract)['methods']>
  /** Base address of the control plane's HTTP API. */
  readonly httpUrl: string
  /** Name, address, protocol of everything that runs. */
  components(): readonly (readonly string[])[]
  /** SIGKILL, and a new process on the same data. */
  killAndRestart(victim: Victim): Promise<void>
  stop(): Promise<void>
}

interface Component {
  readonly name: string
  readonly address: string
  readonly protocol: string
}

const settee = fileURLToPath(new URL('bin.ts', import.meta.resolve('settee')))
const serviceScript = fileURLToPath(new URL('services/main.ts', import.meta.url))

export async function startShop(options: ShopOptions): Promise<Shop> {
  const folder = await mkdtemp(join(tmpdir(), 'settee-shop-'))
  const shop = new RunningShop(options, folder)
  try {
    await shop.start()
    return shop
  } catch (error) {
    await shop.stop()
    throw error
  }
}

class RunningShop implements Shop {
  readonly #options: ShopOptions
  readonly #folder: string
  readonly #instances: readonly Instance[]
  readonly #processes = new Map<'server' | Instance, RunningProcess>()
  #databases: Databases | undefined
  #registry: RegistryClient | undefined
  #rpc: RpcClient | undefined
  #orders: Shop['orders'] | undefined
  #components: readonly Component[] = []

  constructor(options: ShopOptions, folder: string) {
    this.#options = options
    this.#folder = folder
    this.#instances = options.hasSecondStock === true ? [...serviceNames, 'stock-2'] : serviceNames
  }

  get databases(): Databases {
    return this.#databases!
  }
  get orders(): Shop['orders'] {
    return this.#orders!
  }
  get httpUrl(): string {
    return this.#addressOf('console')
  }

  async start(): Promise<void> {
    const { db, onProgress } = this.#options
    onProgress('Preparing three databases')
    this.#databases = await createDatabases(db, this.#folder, seedSql)
    onProgress('Starting the control plane')
    await this.#startServer()
    onProgress('Starting the services order, stock and account')
    await Promise.all(this.#instances.map((instance) => this.#startService(instance)))
    this.#registry = createRegistryClient({
      application: 'buyer',
      address: this.#addressOf('registry'),
    })
    this.#rpc = createRpcClient({
      application: 'buyer',
      registry: this.#registry,
      connectWaitMs: 10_000,
    })
    this.#orders = this.#rpc.client(orderContract)
  }

  components(): readonly (readonly string[])[] {
    const services = this.#instances.map((instance) => {
      const { ready, pid } = this.#processes.get(instance)!
      return [`${instance} service`, String(ready['address']), 'Bolt', `process ${pid}`]
    })
    const { pid } = this.#processes.get('server')!
    const parts = this.#components.map(({ name, address, protocol }) => [
      name,
      address,
      protocol,
      `process ${pid}`,
    ])
    return [...parts, ...services]
  }

  async killAndRestart(victim: Victim): Promise<void> {
    if (victim === 'postgres' || victim === 'mariadb') {
      return this.databases.killAndRestart(victim)
    }
    await this.#processes.get(victim)!.kill()
    if (victim === 'server') await this.#startServer()
    else await this.#startService(victim)
  }

  async stop(): Promise<void> {
    this.#rpc?.close()
    this.#registry?.close()
    // The services first: they may have a last word for the control plane.
    await Promise.all(
      this.#instances.map(async (instance) => this.#processes.get(instance)?.stop()),
    )
    await this.#processes.get('server')?.stop()
    await this.#databases?.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #startServer(): Promise<void> {
    const { ports, hasConsole } = this.#options
    const isFirst = this.#components.length === 0
    const portOf = (name: string, wanted: number): string =>
      isFirst ? String(wanted) : this.#addressOf(name).replace(/^.*:/, '')
    const server = await startProcess({
      name: 'control plane',
      script: settee,
      args: [
        'server',
        `--data=${join(this.#folder, 'control-plane')}`,
        `--http.port=${portOf('console', ports.http)}`,
        `--tx.port=${portOf('transactions', ports.tx)}`,
        `--registry.port=${portOf('registry', ports.registry)}`,
        `--http.console=${hasConsole}`,
      ],
      onProgress: this.#options.onProgress,
    })
    this.#processes.set('server', server)
    this.#components = server.ready['components'] as readonly Component[]
  }

  async #startService(instance: Instance): Promise<void> {
    const name = instance === 'stock-2' ? 'stock' : instance
    const options: ServiceOptions = {
      name,
      databaseUrl: this.#databases!.urlOf(name),
      registry: this.#addressOf('registry'),
      coordinator: this.#addressOf('transactions'),
      purchaseTimeoutMs: this.#options.purchaseTimeoutMs ?? 4000,
    }
    const service = await startProcess({
      name: `${instance} service`,
      script: serviceScript,
      args: [JSON.stringify(options)],
    })
    this.#processes.set(instance, service)
  }

  #addressOf(name: string): string {
    return this.#components.find((component) => component.name === name)!.address
  }
}
