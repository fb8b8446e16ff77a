/**
 * Serves the built console and answers its API from fixtures, to look at the pages without a
 * control plane:
 *
 *     node packages/console/test/fixture-server.ts [calm|waiting|failed|empty] [port]
 */
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { buildConsole, consoleDir } from '../src/index.ts'
import type { TransactionDetail, TransactionPage, TransactionSummary } from '../src/api.ts'
import { takeSnapshot, type Scenario, type Snapshot } from './fixtures.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const pageSize = 12

export function createFixtureServer(scenario: Scenario): Server {
  return createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fixture')
    if (url.pathname === '/api/v1/events') sendEvents(response, scenario, url.searchParams)
    else if (url.pathname.startsWith('/api/v1/')) sendAnswer(response, scenario, url)
    else void sendFile(response, url.pathname)
  })
}

function sendAnswer(response: ServerResponse, scenario: Scenario, url: URL): void {
  const path = decodeURIComponent(url.pathname.slice('/api/v1/'.length))
  const answer = answerOf(takeSnapshot(scenario, Date.now()), path, url.searchParams)
  const status = answer === undefined ? 404 : 200
  const error = { code: 'SETTEE_HTTP_NOT_FOUND', message: `There is no ${path}.` }
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer ?? { error }))
}

function answerOf(snapshot: Snapshot, path: string, parameters: URLSearchParams): unknown {
  const [family, ...rest] = path.split('/')
  const id = rest.join('/')
  if (family === 'overview') return snapshot.overview
  if (family === 'services') {
    return id === '' ? snapshot.services : snapshot.services.find(({ dataId }) => dataId === id)
  }
  if (family !== 'transactions') return undefined
  if (id !== '') return snapshot.transactions.find(({ xid }) => xid === id)
  return pageOf(snapshot.transactions, parameters)
}

function pageOf(all: readonly TransactionDetail[], parameters: URLSearchParams): TransactionPage {
  const state = parameters.get('state')
  const query = parameters.get('query') ?? ''
  const before = parameters.get('before')
  const matching = all
    .filter((one) => state === null || one.state === state)
    .filter((one) => one.xid.includes(query) || one.name.includes(query))
  const start = before === null ? 0 : matching.findIndex(({ xid }) => xid === before) + 1
  const items = matching.slice(start, start + pageSize).map(toSummary)
  const hasMore = start + pageSize < matching.length
  return { items, next: hasMore ? items.at(-1)!.xid : null, historyLimit: 10_000 }
}

function toSummary(transaction: TransactionDetail): TransactionSummary {
  const { branches: _branches, locks: _locks, timeline: _timeline, ...summary } = transaction
  return summary
}

function sendEvents(response: ServerResponse, scenario: Scenario, search: URLSearchParams): void {
  const topics = (search.get('topics') ?? '').split(',')
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const send = (): void => {
    const snapshot = takeSnapshot(scenario, Date.now())
    for (const topic of topics) {
      const value = answerOf(snapshot, topic.replace('transaction:', 'transactions/'), search)
      if (value !== undefined) response.write(`event: ${topic}\ndata: ${JSON.stringify(value)}\n\n`)
    }
  }
  send()
  const timer = setInterval(send, 1_000)
  response.once('close', () => clearInterval(timer))
}

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  const name = path === '/' ? 'index.html' : normalize(path).replace(/^(\.\.[/\\])+/, '')
  try {
    const body = await readFile(join(consoleDir, name))
    response.writeHead(200, { 'content-type': contentTypes[extname(name)] ?? 'text/plain' })
    response.end(body)
  } catch {
    response.writeHead(404).end()
  }
}

if (import.meta.main) {
  const [scenario = 'waiting', port = '8600'] = process.argv.slice(2)
  await buildConsole(console.log)
  createFixtureServer(scenario as Scenario).listen(Number(port), '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${port}/`)
  })
}
