/**
 * The addresses of the console, behind the `#` so that the server needs no rewrite rules:
 *
 *     #/                                      overview
 *     #/services?query=                       list
 *     #/services/{dataId}?query=              list with one service opened
 *     #/transactions?state=&query=&before=    list
 *     #/transactions/{xid}                    one transaction
 */
import type { TransactionState } from '../src/api.ts'

export interface TransactionFilter {
  readonly state: TransactionState | null
  /** Part of an xid or a name; empty for all. */
  readonly query: string
  /** Where an older page begins; null for the newest. */
  readonly before: string | null
}

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'services'; readonly dataId: string | null; readonly query: string }
  | ({ readonly page: 'transactions' } & TransactionFilter)
  | { readonly page: 'transaction'; readonly xid: string }
  | { readonly page: 'unknown'; readonly path: string }

/** In the order in which the list offers them. */
export const transactionStates: readonly TransactionState[] = [
  'active',
  'retrying',
  'failed',
  'committed',
  'rolledBack',
]

/** Reads `location.hash`, with or without the `#`. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#/, '').split('?', 2)
  const [section = '', id, ...rest] = path.replace(/^\//, '').split('/').map(decodePart)
  const parameters = new URLSearchParams(search)
  const query = parameters.get('query') ?? ''
  if (rest.length > 0) return { page: 'unknown', path }
  if (section === '' && id === undefined) return { page: 'overview' }
  if (section === 'services') return { page: 'services', dataId: id || null, query }
  if (section !== 'transactions') return { page: 'unknown', path }
  if (id) return { page: 'transaction', xid: id }
  const state = transactionStates.find((known) => known === parameters.get('state')) ?? null
  return { page: 'transactions', state, query, before: parameters.get('before') }
}

/** The hash of a route, such as `#/transactions/10.0.0.1:8091:42`. */
export function formatRoute(route: Route): string {
  switch (route.page) {
    case 'overview':
      return '#/'
    case 'services': {
      const path = route.dataId === null ? '' : `/${encodePart(route.dataId)}`
      return `#/services${path}${formatSearch({ query: route.query })}`
    }
    case 'transactions':
      return `#/transactions${formatFilter(route)}`
    case 'transaction':
      return `#/transactions/${encodePart(route.xid)}`
    case 'unknown':
      return `#${route.path}`
  }
}

/** The filter as `?state=…&query=…&before=…`: the same for our addresses and for the API. */
export function formatFilter(filter: TransactionFilter): string {
  return formatSearch({ state: filter.state, query: filter.query, before: filter.before })
}

/** What the events must bring while a route is shown. The overview carries the server's clock. */
export function topicsOf(route: Route): readonly string[] {
  switch (route.page) {
    case 'services':
    case 'transactions':
      return ['overview', route.page]
    case 'transaction':
      return ['overview', `transaction:${route.xid}`]
    default:
      return ['overview']
  }
}

function formatSearch(parameters: Readonly<Record<string, string | null>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== '') search.set(name, value)
  }
  return search.size === 0 ? '' : `?${search}`
}

// `:` and `@` are part of most ids and need no escape behind the `#`.
function encodePart(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%40', '@')
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
