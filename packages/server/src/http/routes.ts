/** The routes of the HTTP API; the table of them is in the console's `api.ts`. */
import type { TransactionState } from '@settee/console/api'
import { serverError } from '../errors.ts'
import type { Topic } from './event-streams.ts'
import type { ControlPlaneView, TransactionQuery } from './view.ts'

const prefix = '/api/v1/'
const defaultPageSize = 50
const maxPageSize = 200
const maxSearchLength = 200
const maxTopics = 8

const transactionStates: readonly TransactionState[] = [
  'active',
  'retrying',
  'committed',
  'rolledBack',
  'failed',
]

/** The JSON of `url`; undefined when the address is not part of the API. Throws typed errors. */
export function readRoute(view: ControlPlaneView, url: URL): unknown {
  if (!url.pathname.startsWith(prefix)) return undefined
  const [kind, ...rest] = url.pathname.slice(prefix.length).split('/').map(decodeSegment)
  const name = rest.length > 0 ? rest.join('/') : undefined
  switch (kind) {
    case 'overview':
      return name === undefined ? view.overview() : undefined
    case 'services':
      return name === undefined ? view.services() : found(view.service(name), 'service', name)
    case 'transactions':
      return name === undefined
        ? view.transactions(readTransactionQuery(url.searchParams))
        : found(view.transaction(name), 'transaction', name)
    default:
      return undefined
  }
}

/** The topics that an event stream asked for, such as `overview,transaction:127.0.0.1:8091:7`. */
export function readTopics(view: ControlPlaneView, url: URL): Map<string, Topic> {
  const names = (url.searchParams.get('topics') ?? '').split(',').filter((name) => name !== '')
  if (names.length === 0 || names.length > maxTopics) {
    throw serverError('SETTEE_HTTP_BAD_REQUEST', `topics must name 1 to ${maxTopics} topics`)
  }
  return new Map(names.map((name) => [name, topicOf(view, name)]))
}

function topicOf(view: ControlPlaneView, name: string): Topic {
  if (name === 'overview') {
    return { version: () => view.overviewVersion, read: () => view.overview() }
  }
  if (name === 'services') {
    return { version: () => view.servicesVersion, read: () => view.services() }
  }
  if (name === 'transactions') {
    const newest = readTransactionQuery(new URLSearchParams())
    return { version: () => view.transactionsVersion, read: () => view.transactions(newest) }
  }
  if (name.startsWith('transaction:')) {
    const xid = name.slice('transaction:'.length)
    return { version: () => view.transactionsVersion, read: () => view.transaction(xid) }
  }
  throw serverError('SETTEE_HTTP_BAD_REQUEST', `there is no topic ${JSON.stringify(name)}`)
}

function readTransactionQuery(parameters: URLSearchParams): TransactionQuery {
  const state = parameters.get('state') ?? undefined
  if (state !== undefined && !(transactionStates as readonly string[]).includes(state)) {
    throw serverError(
      'SETTEE_HTTP_BAD_REQUEST',
      `state is ${JSON.stringify(state)}, but must be one of ${transactionStates.join(', ')}`,
    )
  }
  const text = parameters.get('query') ?? ''
  if (text.length > maxSearchLength) {
    throw serverError(
      'SETTEE_HTTP_BAD_REQUEST',
      `query has ${text.length} characters, but may have ${maxSearchLength}`,
    )
  }
  return {
    state: state as TransactionState | undefined,
    text,
    limit: readLimit(parameters.get('limit')),
    before: readBefore(parameters.get('before')),
  }
}

function readLimit(text: string | null): number {
  if (text === null) return defaultPageSize
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= maxPageSize) return limit
  throw serverError(
    'SETTEE_HTTP_BAD_REQUEST',
    `limit is ${JSON.stringify(text)}, but must be 1 to ${maxPageSize}`,
  )
}

function readBefore(text: string | null): string | undefined {
  if (text === null || /^\d{1,20}$/.test(text)) return text ?? undefined
  throw serverError(
    'SETTEE_HTTP_BAD_REQUEST',
    `before is ${JSON.stringify(text)}, but must be the "next" of the page before`,
  )
}

function found<Value>(value: Value | undefined, what: string, name: string): Value {
  if (value !== undefined) return value
  throw serverError('SETTEE_HTTP_NOT_FOUND', `there is no ${what} ${name}`)
}

export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw serverError('SETTEE_HTTP_BAD_REQUEST', `${segment} is not percent-encoded text`)
  }
}
