/**
 * What the HTTP API shows of the control plane, as a port: `control-plane-view.ts` fills it from
 * the registry and the coordinator, and the routes do not know them.
 */
import type {
  Overview,
  RepairOrder,
  ServiceDetail,
  ServiceSummary,
  TransactionDetail,
  TransactionPage,
  TransactionState,
} from '@settee/console/api'

export interface TransactionQuery {
  readonly state: TransactionState | undefined
  /** Part of an xid, a name or an application; empty matches all. */
  readonly text: string
  readonly limit: number
  /** The `next` of the page before; undefined starts with the newest. */
  readonly before: string | undefined
}

export interface ControlPlaneView {
  overview(): Overview
  services(): readonly ServiceSummary[]
  service(dataId: string): ServiceDetail | undefined
  transactions(query: TransactionQuery): TransactionPage
  transaction(xid: string): TransactionDetail | undefined
  /**
   * Gives the order to repair a branch, and resolves when it is durable.
   * @throws SETTEE_HTTP_REFUSED when the branch does not wait for a person.
   */
  repairBranch(xid: string, branchId: string, order: RepairOrder): Promise<void>
  /** Grows once a second, because the overview shows the clock. */
  readonly overviewVersion: number
  /** These grow when something of the kind has changed. */
  readonly servicesVersion: number
  readonly transactionsVersion: number
}
