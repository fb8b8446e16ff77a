/**
 * What the HTTP API shows of the control plane, as a port: `control-plane-view.ts` fills it from
 * the registry and the coordinator, and the routes do not know them.
 */
import type {
  Overview,
  ServiceDetail,
  ServiceSummary,
  TransactionDetail,
  TransactionPage,
  TransactionState,
} from '@settee/console/api'

export interface TransactionQuery {
  readonly state: TransactionState | undefined
  /** Part of an xid or of a name; empty matches all. */
  readonly query: string
  readonly limit: number
  /** Xid of the last item of the page before; undefined starts with the newest. */
  readonly before: string | undefined
}

export interface ControlPlaneView {
  overview(): Overview
  services(): readonly ServiceSummary[]
  service(dataId: string): ServiceDetail | undefined
  transactions(query: TransactionQuery): TransactionPage
  transaction(xid: string): TransactionDetail | undefined
  /** Numbers that grow when something of the kind changed. */
  readonly overviewVersion: number
  readonly servicesVersion: number
  readonly transactionsVersion: number
  /** Lets go of timers. */
  stop(): void
}
