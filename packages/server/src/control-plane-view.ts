/**
 * The read model of the control plane: fills the HTTP API's shapes from the coordinator's state and
 * the registry's. It only looks; nothing here changes anything.
 */
import type {
  Component,
  Endpoint,
  Overview,
  SeriesPoint,
  ServiceCounts,
  ServiceDetail,
  ServiceSummary,
  Wait,
} from '@settee/console/api'
import type { Datum, Publisher, RegistryServer } from '@settee/registry/server'
import {
  countTransactions,
  describeTransaction,
  listTransactions,
  type TxServer,
} from '@settee/tx/server'
import type { ControlPlaneView } from './http/view.ts'
import { version } from './version.ts'

export interface ControlPlaneViewOptions {
  /** Where the journal lives; null when state is kept in memory only. */
  readonly dataDir: string | null
  readonly tx: TxServer
  readonly registry: RegistryServer
  readonly components: () => readonly Component[]
}

const seriesLength = 120
const maxWaits = 10

export function createControlPlaneView(options: ControlPlaneViewOptions): ControlPlaneView {
  const { tx, registry, dataDir, components } = options
  const startedAt = Date.now()
  const series = createSeries(tx)

  return {
    overview: (): Overview => ({
      version,
      startedAt,
      now: Date.now(),
      memoryBytes: process.memoryUsage.rss(),
      dataDir,
      components: components(),
      transactions: countTransactions(tx.state, tx.lockWaiterCount, series.start()),
      waits: waitsOf(tx),
      services: countServices(registry),
      series: series.points(),
    }),
    services: () =>
      [...registry.data.values()]
        .map(summarize)
        .toSorted((one, other) => (one.dataId < other.dataId ? -1 : 1)),
    service: (dataId) => {
      const datum = [...registry.data.values()].find((candidate) => candidate.dataId === dataId)
      return datum === undefined ? undefined : describe(datum)
    },
    transactions: ({ state, query, limit, before }) =>
      listTransactions(tx.state, {
        text: query,
        limit,
        ...(state !== undefined && { state }),
        ...(before !== undefined && { before }),
      }),
    transaction: (xid) => describeTransaction(tx.state, xid, tx.schedule) ?? undefined,
    // The overview shows the clock, so it is new every second.
    get overviewVersion() {
      return Math.floor(Date.now() / 1000) + tx.version + registry.version
    },
    get servicesVersion() {
      return registry.version
    },
    get transactionsVersion() {
      return tx.version
    },
    stop: () => series.stop(),
  }
}

interface Series {
  /** Totals when this process began to serve. */
  start(): { committedTotal: number; rolledBackTotal: number }
  points(): readonly SeriesPoint[]
  stop(): void
}

/** Committed and rolled back a second, sampled once a second. */
function createSeries(tx: TxServer): Series {
  const points: SeriesPoint[] = []
  let start: { committedTotal: number; rolledBackTotal: number } | undefined
  let last = { committedTotal: 0, rolledBackTotal: 0 }

  const begin = (): { committedTotal: number; rolledBackTotal: number } => {
    if (start === undefined) {
      const { committedTotal, rolledBackTotal } = tx.state
      start = { committedTotal, rolledBackTotal }
      last = start
    }
    return start
  }
  const timer = setInterval(() => {
    begin()
    const { committedTotal, rolledBackTotal } = tx.state
    points.push({
      at: Date.now(),
      committedPerSecond: committedTotal - last.committedTotal,
      rolledBackPerSecond: rolledBackTotal - last.rolledBackTotal,
    })
    last = { committedTotal, rolledBackTotal }
    if (points.length > seriesLength) points.shift()
  }, 1000)
  timer.unref()
  return { start: begin, points: () => points, stop: () => clearInterval(timer) }
}

/** What phase two waits for, by application, the longest wait first. */
function waitsOf(tx: TxServer): Wait[] {
  const waits = new Map<string, { transactionCount: number; since: number }>()
  const { items } = listTransactions(tx.state, { state: 'retrying', limit: 500 })
  for (const { waitingTarget, waitingSince } of items) {
    if (waitingTarget === null || waitingSince === null) continue
    const known = waits.get(waitingTarget) ?? { transactionCount: 0, since: waitingSince }
    waits.set(waitingTarget, {
      transactionCount: known.transactionCount + 1,
      since: Math.min(known.since, waitingSince),
    })
  }
  return [...waits]
    .map(([target, wait]) => ({ target, ...wait }))
    .toSorted((one, other) => one.since - other.since)
    .slice(0, maxWaits)
}

function countServices(registry: RegistryServer): ServiceCounts {
  let serviceCount = 0
  let endpointCount = 0
  let subscriberCount = 0
  for (const { publishers, subscriptions } of registry.data.values()) {
    if (publishers.size > 0) serviceCount++
    endpointCount += publishers.size
    subscriberCount += subscriptions.size
  }
  return { serviceCount, endpointCount, subscriberCount }
}

function summarize(datum: Datum): ServiceSummary {
  const { dataId, group, version: pushVersion, changedAt, publishers, subscriptions } = datum
  return {
    dataId,
    group,
    endpointCount: publishers.size,
    subscriberCount: subscriptions.size,
    version: pushVersion,
    changedAt,
  }
}

function describe(datum: Datum): ServiceDetail {
  return {
    ...summarize(datum),
    endpoints: [...datum.publishers.values()].flatMap(describeEndpoints),
    subscribers: [...datum.subscriptions.values()].map(
      ({ connectionId, register, pushedVersion }) => ({
        address: addressOf(connectionId),
        application: register.appName,
        zone: register.zone,
        pushedVersion,
      }),
    ),
  }
}

/** What a publisher announces, such as `127.0.0.1:12200?app_name=stock&weight=100`. */
function describeEndpoints({ register, registeredAt }: Publisher): Endpoint[] {
  return register.dataList.map(({ data }) => {
    const question = data.indexOf('?')
    const parameters = new URLSearchParams(question === -1 ? '' : data.slice(question + 1))
    return {
      address: question === -1 ? data : data.slice(0, question),
      application: register.appName,
      zone: register.zone,
      registeredAt,
      attributes: Object.fromEntries(parameters),
    }
  })
}

/** Connection ids are `ip:port#n`. */
function addressOf(connectionId: string): string {
  return connectionId.replace(/#\d+$/, '')
}
