/**
 * The HTTP API of the control plane as types: what `server` answers and what the console shows.
 *
 *     GET /api/v1/overview                        Overview
 *     GET /api/v1/services                        ServiceSummary[]
 *     GET /api/v1/services/{dataId}               ServiceDetail
 *     GET /api/v1/transactions?state=&query=&limit=&before=   TransactionPage
 *     GET /api/v1/transactions/{xid}              TransactionDetail
 *     POST /api/v1/transactions/{xid}/branches/{branchId}/repair   RepairOrder, answers
 *         TransactionDetail; 409 when the branch is not one that waits for a person
 *     GET /api/v1/events?topics=overview,services,transactions,transaction:{xid}
 *         server-sent events: `event: <topic>`, `data: <the same JSON as the GET>`, sent once at
 *         the start and again whenever it changes, at most four times a second; `overview` carries
 *         the clock and the series and is sent every second; `transactions` is the first page
 *         without filter. So something arrives at least every ten seconds, else the reader
 *         reconnects
 *     GET /health                                 {"status":"up"}
 *
 * Errors are `{"error":{"code":"SETTEE_…","message":"…"}}` with a matching status. Times are ms
 * since the Unix epoch. Ids of 64 bits are decimal strings.
 */

export interface Overview {
  readonly version: string
  readonly startedAt: number
  readonly now: number
  readonly memoryBytes: number
  /** Where the journal lives; null when state is kept in memory only. */
  readonly dataDir: string | null
  readonly components: readonly Component[]
  readonly transactions: TransactionCounts
  /** What phase two waits for, the longest wait first, at most 10. */
  readonly waits: readonly Wait[]
  readonly services: ServiceCounts
  /** One point a second, oldest first, at most 120. */
  readonly series: readonly SeriesPoint[]
}

export interface Component {
  /** `registry`, `tx`, `http`. */
  readonly name: string
  readonly address: string
  readonly protocol: string
  readonly connectionCount: number
}

export interface TransactionCounts {
  /** Begun and neither committed nor rolled back yet. */
  readonly activeCount: number
  /** In phase two and waiting for a resource manager. */
  readonly retryingCount: number
  /** Ended in a state that a person must look at. */
  readonly failedCount: number
  /** Since the start of this process. */
  readonly committedTotal: number
  readonly rolledBackTotal: number
  readonly lockCount: number
  readonly lockWaiterCount: number
}

/** One party that has not answered yet, and how many transactions wait for it. */
export interface Wait {
  /** The application of the resource manager, such as `account`. */
  readonly target: string
  readonly transactionCount: number
  /** When the longest of these waits began. */
  readonly since: number
}

export interface ServiceCounts {
  readonly serviceCount: number
  readonly endpointCount: number
  readonly subscriberCount: number
}

export interface SeriesPoint {
  readonly at: number
  readonly committedPerSecond: number
  readonly rolledBackPerSecond: number
}

export interface ServiceSummary {
  /** `interface:version[:uniqueId]@protocol`. */
  readonly dataId: string
  readonly group: string
  readonly endpointCount: number
  readonly subscriberCount: number
  readonly version: number
  readonly changedAt: number
}

export interface ServiceDetail extends ServiceSummary {
  readonly endpoints: readonly Endpoint[]
  readonly subscribers: readonly Subscriber[]
}

export interface Endpoint {
  readonly address: string
  readonly application: string
  readonly zone: string
  readonly registeredAt: number
  readonly attributes: Readonly<Record<string, string>>
}

export interface Subscriber {
  readonly address: string
  readonly application: string
  readonly zone: string
  readonly pushedVersion: number
}

/** The groups by which the list is filtered. */
export type TransactionState = 'active' | 'retrying' | 'committed' | 'rolledBack' | 'failed'

export interface TransactionPage {
  readonly items: readonly TransactionSummary[]
  /** Pass as `before` to get older ones; null at the end. */
  readonly next: string | null
  /** Finished transactions are kept up to this number. */
  readonly historyLimit: number
}

export interface TransactionSummary {
  readonly xid: string
  readonly name: string
  readonly application: string
  readonly state: TransactionState
  /** Seata's name of the status, such as `AsyncCommitting` or `TimeoutRollbackRetrying`. */
  readonly status: string
  readonly beganAt: number
  readonly endedAt: number | null
  readonly timeoutMs: number
  readonly branchCount: number
  readonly lockCount: number
  /** What phase two waits for, in one sentence; null when it waits for nothing. */
  readonly waitingFor: string | null
  /** The application that must answer, such as `account`; null when it waits for nothing. */
  readonly waitingTarget: string | null
  /** When phase two first failed to reach it; null when it waits for nothing. */
  readonly waitingSince: number | null
}

export interface TransactionDetail extends TransactionSummary {
  readonly branches: readonly Branch[]
  readonly locks: readonly Lock[]
  readonly timeline: readonly TimelineEntry[]
}

export interface Branch {
  readonly branchId: string
  /** 1 is the first that registered; rollback goes from the last to the first. */
  readonly order: number
  readonly type: 'AT' | 'TCC' | 'SAGA' | 'XA' | 'SAGA_ANNOTATION'
  readonly resourceId: string
  /** `application:ip:port` of the process that registered it. */
  readonly clientId: string
  readonly status: string
  readonly attemptCount: number
  readonly nextAttemptAt: number | null
  readonly lastError: string | null
  /** The statement that made the changes, shortened and without values; empty when not told. */
  readonly statement: string
  /** Why a person must decide how its rows shall be; null when nobody must, or it is not told. */
  readonly dirty: DirtyRows | null
  /** Whether it may be repaired now: the rollback stopped at it. */
  readonly isRepairable: boolean
}

/** Rows that somebody changed outside of global transactions since the branch wrote them. */
export interface DirtyRows {
  readonly code: string
  readonly message: string
  readonly rows: readonly DirtyRow[]
  /** Dirty rows that are not in `rows`. */
  readonly omittedRows: number
}

export interface DirtyRow {
  readonly tableName: string
  readonly sqlType: 'INSERT' | 'UPDATE' | 'DELETE'
  /** Values by column, keys first; absent where the row did not exist. */
  readonly before?: Cells
  readonly after?: Cells
  readonly now?: Cells
  /** What a person would run for each choice; empty when nothing is to be done. */
  readonly sql: Readonly<Record<RepairChoice, string>>
}

export type Cells = Readonly<Record<string, string | null>>

/** The rows as they were before the branch, as it left them, or as they are now. */
export type RepairChoice = 'before' | 'after' | 'now'

export interface RepairOrder {
  readonly choice: RepairChoice
  /** Who decides, 1 to 128 characters; it stays in the timeline. */
  readonly by: string
  /** Why, at most 1,000 characters. */
  readonly note: string
}

export interface Lock {
  readonly resourceId: string
  readonly table: string
  readonly key: string
  readonly branchId: string
  /** When it was taken. */
  readonly since: number
}

export interface TimelineEntry {
  readonly at: number
  /** A closed set, so that the console can name it in each language. */
  readonly kind: TimelineKind
  readonly branchId: string | null
  /** Who did it: `application:ip:port` of a client, or `coordinator`. */
  readonly actor: string
  /** Status after the entry, when it changed. */
  readonly status: string | null
  /** Why: the reason given by the one who did it, or the error text; empty when obvious. */
  readonly reason: string
}

export type TimelineKind =
  | 'begun'
  | 'branchRegistered'
  | 'branchRefused'
  | 'lockWaited'
  | 'branchReported'
  | 'commitRequested'
  | 'rollbackRequested'
  | 'timedOut'
  | 'branchCommitted'
  | 'branchRolledBack'
  | 'branchRetry'
  | 'branchFailed'
  | 'resumed'
  | 'ended'
