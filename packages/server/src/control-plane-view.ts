/**
 * The read model of the control plane: fills the HTTP API's shapes from the coordinator's state and
 * the registry's. It only looks, but for the orders that it hands on.
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
import { isSetteeError, type Clock, type Service, type Timer } from '@settee/kit'
import type { Datum, Publisher, RegistryServer } from '@settee/registry/server'
import {
  countTransactions,
  describeTransaction,
  listTransactions,
  type TxServer,
} from '@settee/tx/server'
import { serverError } from './errors.ts'
import type { ControlPlaneView } from './http/view.ts'
import { version } from './version.ts'

export interface ControlPlaneViewOptions {
  /** Where the journal lives; null when state is kept in memory only. */
  readonly dataDir: string | null
  readonly tx: TxServer
  readonly registry: RegistryServer
  readonly components: () => readonly Component[]
  readonly clock: Clock
}

/** Points of the series: two minutes. */
const seriesLength = 120
const samplePeriodMs = 1000
const maxWaits = 10
const maxRetryingRead = 500

/**
 * Start it when the coordinator has recovered and before anybody can use it: totals count from
 * there.
 */
export function createControlPlaneView(
  options: ControlPlaneViewOptions,
): ControlPlaneView & Service {
  const { tx, registry, dataDir, components, clock } = options
  const series = new ThroughputSeries(tx, clock)
  let startedAt = clock.now()

  return {
    name: 'view',
    async start() {
      startedAt = clock.now()
      series.start()
    },
    async stop() {
      series.stop()
    },
    overview: (): Overview => ({
      version,
      startedAt,
      now: clock.now(),
      memoryBytes: process.memoryUsage.rss(),
      dataDir,
      components: components(),
      transactions: countTransactions(tx.state, tx.lockWaiterCount, series.atStart),
      waits: waitsOf(tx),
      services: countServices(registry),
      series: series.points,
    }),
    services: () =>
      [...registry.data.values()]
        .map(summarize)
        .toSorted((one, other) => (one.dataId < other.dataId ? -1 : 1)),
    service: (dataId) => {
      const datum = [...registry.data.values()].find((candidate) => candidate.dataId === dataId)
      return datum === undefined ? undefined : describe(datum)
    },
    transactions: ({ state, text, limit, before }) =>
      listTransactions(
        tx.state,
        {
          text,
          limit,
          ...(state !== undefined && { state }),
          ...(before !== undefined && { before }),
        },
        tx.schedule,
      ),
    transaction: (xid) => describeTransaction(tx.state, xid, tx.schedule) ?? undefined,
    async repairBranch(xid, branchId, order) {
      try {
        await tx.repairBranch({ xid, branchId, ...order })
      } catch (error) {
        if (!isSetteeError(error, 'SETTEE_TX_REPAIR_REFUSED')) throw error
        throw serverError('SETTEE_HTTP_REFUSED', error.message, { cause: error })
      }
    },
    get overviewVersion() {
      return series.sampleCount
    },
    get servicesVersion() {
      return registry.version
    },
    get transactionsVersion() {
      return tx.version
    },
  }
}

interface Totals {
  readonly committedTotal: number
  readonly rolledBackTotal: number
}

const noTotals: Totals = { committedTotal: 0, rolledBackTotal: 0 }

/** Committed and rolled back a second, sampled once a second. */
class ThroughputSeries {
  /** Totals when this process began to serve; those of the state go back to its first start. */
  atStart: Totals = noTotals
  readonly points: SeriesPoint[] = []
  /** Grows once a second. */
  sampleCount = 0
  readonly #tx: TxServer
  readonly #clock: Clock
  #last: Totals = noTotals
  #timer: Timer | undefined

  constructor(tx: TxServer, clock: Clock) {
    this.#tx = tx
    this.#clock = clock
  }

  start(): void {
    this.atStart = this.#totals()
    this.#last = this.atStart
    this.#timer = this.#clock.after(samplePeriodMs, this.#sample)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  readonly #sample = (): void => {
    const totals = this.#totals()
    this.points.push({
      at: this.#clock.now(),
      committedPerSecond: totals.committedTotal - this.#last.committedTotal,
      rolledBackPerSecond: totals.rolledBackTotal - this.#last.rolledBackTotal,
    })
    if (this.points.length > seriesLength) this.points.shift()
    this.#last = totals
    this.sampleCount++
    this.#timer = this.#clock.after(samplePeriodMs, this.#sample)
  }

  #totals(): Totals {
    const { committedTotal, rolledBackTotal } = this.#tx.state
    return { committedTotal, rolledBackTotal }
  }
}

/** What phase two waits for, by application, the longest wait first. */
function waitsOf(tx: TxServer): Wait[] {
  const waits = new Map<string, { transactionCount: number; since: number }>()
  const { items } = listTransactions(tx.state, { state: 'retrying', limit: maxRetryingRead })
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
