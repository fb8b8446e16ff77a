/**
 * The control plane in one process: transaction coordinator, registry, HTTP API and console. The
 * same code runs in `settee dev`, in production and in tests; only the configuration differs.
 */
import { join } from 'node:path'
import type { Component } from '@settee/console/api'
import { startAll, stopAll, systemClock, type Service, type SetteeError } from '@settee/kit'
import { createFileJournal, createMemoryJournal } from '@settee/journal'
import { createRegistryServer } from '@settee/registry/server'
import { createTxServer } from '@settee/tx/server'
import type { ServerConfig } from './config.ts'
import { createControlPlaneView } from './control-plane-view.ts'
import { createHttpServer } from './http/http-server.ts'
import { loadStaticSite, type StaticSite } from './http/static-site.ts'

export interface ControlPlaneOptions {
  readonly config: ServerConfig
  /** Folder of the built console; undefined serves none. May still be building. */
  readonly consoleDir?: Promise<string | undefined>
  /** The journal failed: the process must end, a restart recovers. */
  readonly onFailed: (error: SetteeError) => void
}

/** Preallocated at a time: small enough that the first start stays quick. */
const segmentBytes = 16 * 2 ** 20

interface Part {
  readonly service: Service & { readonly connectionCount: number }
  /** What the start table calls it. */
  readonly label: string
  readonly protocol: string
  readonly address: () => string
}

export interface ControlPlane extends Service {
  /** What runs, for the start table. */
  readonly components: readonly Component[]
  /** Address of the console. */
  readonly consoleUrl: string
}

export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { config, onFailed } = options
  const allowRemote = config['allow-remote']
  const dataDir = config['data']
  const tx = createTxServer({
    host: config['tx.host'],
    port: config['tx.port'],
    allowRemote,
    journal:
      dataDir === ''
        ? createMemoryJournal()
        : createFileJournal({ dir: join(dataDir, 'tx'), segmentBytes }),
    onFailed,
  })
  const registry = createRegistryServer({
    host: config['registry.host'],
    port: config['registry.port'],
    allowRemote,
  })
  const view = createControlPlaneView({
    dataDir: dataDir === '' ? null : dataDir,
    tx,
    registry,
    components: () => parts.map((part) => describePart(part, part.service.name)),
    clock: systemClock,
  })
  const http = createHttpServer({
    host: config['http.host'],
    port: config['http.port'],
    allowRemote,
    token: config['http.token'],
    view,
    site: loadSite(options.consoleDir),
  })
  const parts: readonly Part[] = [
    { service: tx, label: 'transactions', protocol: 'Seata v1, v2', address: () => tx.address },
    {
      service: registry,
      label: 'registry',
      protocol: 'Bolt v1, v2',
      address: () => registry.address,
    },
    { service: http, label: 'console', protocol: 'HTTP', address: () => http.url },
  ]
  // The view stands right behind the coordinator: nothing can have ended before it counts.
  const services = [tx, view, registry, http]

  return {
    name: 'control plane',
    get components() {
      return parts.map((part) => describePart(part, part.label))
    },
    get consoleUrl() {
      return http.url
    },
    start: () => startAll(services),
    stop: () => stopAll(services),
  }
}

function describePart({ service, protocol, address }: Part, name: string): Component {
  return { name, protocol, address: address(), connectionCount: service.connectionCount }
}

async function loadSite(
  dir: Promise<string | undefined> | undefined,
): Promise<StaticSite | undefined> {
  const folder = await dir
  return folder === undefined ? undefined : await loadStaticSite(folder)
}
