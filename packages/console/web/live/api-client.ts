/** The HTTP API, relative to the page, so that it also works behind a path prefix. */
import type { Overview, ServiceDetail, ServiceSummary } from '../../src/api.ts'
import type { RepairOrder, TransactionDetail, TransactionPage } from '../../src/api.ts'
import { formatFilter, type TransactionFilter } from '../router.ts'

/** What the control plane answered instead of the thing asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export const fetchOverview = (signal: AbortSignal): Promise<Overview> =>
  fetchJson('overview', signal)

export const fetchServices = (signal: AbortSignal): Promise<readonly ServiceSummary[]> =>
  fetchJson('services', signal)

export const fetchService = (dataId: string, signal: AbortSignal): Promise<ServiceDetail> =>
  fetchJson(`services/${encodeURIComponent(dataId)}`, signal)

export const fetchTransactions = (
  filter: TransactionFilter,
  signal: AbortSignal,
): Promise<TransactionPage> => fetchJson(`transactions${formatFilter(filter)}`, signal)

export const fetchTransaction = (xid: string, signal: AbortSignal): Promise<TransactionDetail> =>
  fetchJson(`transactions/${encodeURIComponent(xid)}`, signal)

/** Gives the order; resolves with the transaction as it is then. */
export async function repairBranch(
  xid: string,
  branchId: string,
  order: RepairOrder,
): Promise<TransactionDetail> {
  const path = `api/v1/transactions/${encodeURIComponent(xid)}/branches/${branchId}/repair`
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  })
  if (!response.ok) throw await readError(response)
  return (await response.json()) as TransactionDetail
}

export async function openEvents(
  topics: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(`api/v1/events?topics=${encodeURIComponent(topics)}`, {
    signal,
    headers: { accept: 'text/event-stream' },
  })
  if (!response.ok || response.body === null) throw await readError(response)
  return response.body
}

async function fetchJson<Body>(path: string, signal: AbortSignal): Promise<Body> {
  const response = await fetch(`api/v1/${path}`, { signal })
  if (!response.ok) throw await readError(response)
  return (await response.json()) as Body
}

async function readError(response: Response): Promise<ApiError> {
  const fallback = `The control plane answered ${response.status} ${response.statusText}.`
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    return new ApiError(response.status, error.code, error.message)
  } catch {
    return new ApiError(response.status, 'SETTEE_HTTP', fallback)
  }
}
