/** The orders that the HTTP API takes: POST requests with a small JSON body. */
import type { IncomingMessage } from 'node:http'
import type { RepairChoice, RepairOrder, TransactionDetail } from '@settee/console/api'
import { serverError } from '../errors.ts'
import { decodeSegment } from './routes.ts'
import type { ControlPlaneView } from './view.ts'

const repairPath = /^\/api\/v1\/transactions\/([^/]+)\/branches\/(\d{1,20})\/repair$/
const choices: readonly RepairChoice[] = ['before', 'after', 'now']
const maxBodyBytes = 16 * 1024
const maxNameLength = 128
const maxNoteLength = 1000

export type Order = (view: ControlPlaneView, body: unknown) => Promise<TransactionDetail>

/** The order at `url`; undefined when there is none. */
export function findOrder(url: URL): Order | undefined {
  const match = repairPath.exec(url.pathname)
  if (match === null) return undefined
  const xid = decodeSegment(match[1]!)
  const branchId = match[2]!
  return async (view, body) => {
    const order = readRepairOrder(body)
    const refusal = serverError('SETTEE_HTTP_NOT_FOUND', `there is no transaction ${xid}`)
    if (view.transaction(xid) === undefined) throw refusal
    await view.repairBranch(xid, branchId, order)
    const transaction = view.transaction(xid)
    if (transaction === undefined) throw refusal
    return transaction
  }
}

/** The JSON of a request, of at most 16 KiB. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBodyBytes) {
      throw serverError('SETTEE_HTTP_BAD_REQUEST', `the body is longer than ${maxBodyBytes} bytes`)
    }
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw serverError('SETTEE_HTTP_BAD_REQUEST', 'the body is no JSON')
  }
}

function readRepairOrder(body: unknown): RepairOrder {
  const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const choice = choices.find((known) => known === fields['choice'])
  if (choice === undefined) {
    throw serverError('SETTEE_HTTP_BAD_REQUEST', `choice must be one of ${choices.join(', ')}`)
  }
  const by = readText(fields, 'by', maxNameLength)
  if (by === '') throw serverError('SETTEE_HTTP_BAD_REQUEST', 'by must say who decides')
  return { choice, by, note: readText(fields, 'note', maxNoteLength) }
}

function readText(fields: Record<string, unknown>, name: string, maxLength: number): string {
  const value = fields[name] ?? ''
  if (typeof value === 'string' && value.length <= maxLength) return value.trim()
  throw serverError(
    'SETTEE_HTTP_BAD_REQUEST',
    `${name} must be a text of up to ${maxLength} characters`,
  )
}
