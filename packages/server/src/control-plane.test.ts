import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type {
  Overview,
  ServiceDetail,
  ServiceSummary,
  TransactionDetail,
  TransactionPage,
} from '@settee/console/api'
import { createRegistryClient, type RegistryClient } from '@settee/registry'
import type { ServerConfig } from './config.ts'
import { createControlPlane, type ControlPlane } from './control-plane.ts'
import { ask, follow, type Following } from './http/test-client.ts'
import { openTestShop, type OpenPurchase, type TestShop } from './test-shop.ts'

const config: ServerConfig = {
  data: '',
  'allow-remote': false,
  'http.host': '127.0.0.1',
  'http.port': 0,
  'http.console': false,
  'http.token': '',
  'registry.host': '127.0.0.1',
  'registry.port': 0,
  'tx.host': '127.0.0.1',
  'tx.port': 0,
}

const fail = (error: Error): never => {
  throw error
}

async function startControlPlane(changes: Partial<ServerConfig> = {}): Promise<ControlPlane> {
  const controlPlane = createControlPlane({ config: { ...config, ...changes }, onFailed: fail })
  await controlPlane.start()
  return controlPlane
}

function addressOf(controlPlane: ControlPlane, label: string): string {
  return controlPlane.components.find(({ name }) => name === label)!.address
}

/** Asserts that `value` has exactly the given fields, each of the given kind. */
function assertShape(value: object, shape: Readonly<Record<string, string>>): void {
  const kinds = Object.entries(value).map(([key, field]) => {
    if (field === null) return [key, 'null']
    return [key, Array.isArray(field) ? 'array' : typeof field]
  })
  const wanted = kinds.map(([key, kind]) => {
    const allowed = shape[key!]?.split('|') ?? []
    return [key, allowed.includes(kind!) ? kind : shape[key!]]
  })
  assert.deepEqual(kinds, wanted)
  assert.deepEqual(Object.keys(value).toSorted(), Object.keys(shape).toSorted())
}

const summaryShape = {
  xid: 'string',
  name: 'string',
  application: 'string',
  state: 'string',
  status: 'string',
  beganAt: 'number',
  endedAt: 'number|null',
  timeoutMs: 'number',
  branchCount: 'number',
  lockCount: 'number',
  waitingFor: 'string|null',
  waitingTarget: 'string|null',
  waitingSince: 'number|null',
}
const serviceShape = {
  dataId: 'string',
  group: 'string',
  endpointCount: 'number',
  subscriberCount: 'number',
  version: 'number',
  changedAt: 'number',
}

describe('a control plane with transactions of every state', () => {
  let controlPlane: ControlPlane
  let shop: TestShop
  let registry: RegistryClient
  let stream: Following
  let url: string
  const xids: Record<string, string> = {}
  let holder: OpenPurchase
  let waiter: OpenPurchase
  let granted: Promise<boolean>

  const get = async <Body>(path: string): Promise<Body> => {
    const answer = await ask(url, path)
    assert.equal(answer.status, 200, answer.text)
    return answer.json<Body>()
  }
  const detailOf = (xid: string): Promise<TransactionDetail> =>
    get(`/api/v1/transactions/${encodeURIComponent(xid)}`)

  before(async () => {
    controlPlane = await startControlPlane()
    url = controlPlane.consoleUrl
    shop = openTestShop(addressOf(controlPlane, 'transactions'))
    registry = createRegistryClient({
      application: 'account',
      address: addressOf(controlPlane, 'registry'),
    })
    const published = registry.publish(
      'shop.AccountService:1.0@bolt',
      '127.0.0.1:12200?app_name=account&weight=100',
    )
    await published.acknowledged
    registry.subscribe('shop.AccountService:1.0@bolt', () => {})

    xids['committed'] = await shop.purchase({ name: 'first purchase' })
    xids['rolledBack'] = await shop.purchase({ failure: 'not enough money' })
    xids['failed'] = await shop.purchase({
      row: 2,
      failure: 'no such customer',
      meanwhile: () => shop.spoil('account', 2),
    })
    holder = await shop.openPurchase({ row: 3 })
    xids['active'] = holder.xid
    waiter = await shop.openPurchase({ row: 5 })
    granted = shop.waitForRow(waiter.xid, 'account', 3)
    stream = await follow(url, 'overview,services,transactions')
    await stream.until<Overview>('overview', (value) => value.transactions.lockWaiterCount === 1)
    xids['retrying'] = await shop.purchase({
      keeper: 'stock',
      row: 4,
      failure: 'paid elsewhere',
      meanwhile: () => shop.kill('stock'),
    })
    await stream.until<Overview>('overview', (value) => value.waits.length === 1)
  })

  after(async () => {
    stream.close()
    registry.close()
    await waiter.finish()
    await shop.close()
    await controlPlane.stop()
  })

  test('the overview counts them, and says what is waited for', async () => {
    const overview = await get<Overview>('/api/v1/overview')
    assertShape(overview, {
      version: 'string',
      startedAt: 'number',
      now: 'number',
      memoryBytes: 'number',
      dataDir: 'null',
      components: 'array',
      transactions: 'object',
      waits: 'array',
      services: 'object',
      series: 'array',
    })
    assert.equal(overview.transactions.committedTotal, 1)
    assert.equal(overview.transactions.rolledBackTotal, 1)
    assert.equal(overview.transactions.failedCount, 1)
    assert.equal(overview.transactions.retryingCount, 1)
    assert.ok(overview.transactions.lockCount >= 2)
    assert.deepEqual(overview.services, { serviceCount: 1, endpointCount: 1, subscriberCount: 1 })
    const [wait] = overview.waits
    assert.equal(wait!.target, 'stock')
    assert.equal(wait!.transactionCount, 1)
    assert.ok(wait!.since <= overview.now)
    const names = overview.components.map(({ name }) => name)
    assert.deepEqual(names, ['tx', 'registry', 'http'])
    assertShape(overview.components[0]!, {
      name: 'string',
      address: 'string',
      protocol: 'string',
      connectionCount: 'number',
    })
  })

  test('the services and one of them in full', async () => {
    const [service, ...others] = await get<ServiceSummary[]>('/api/v1/services')
    assert.deepEqual(others, [])
    assertShape(service!, serviceShape)
    const detail = await get<ServiceDetail>(
      `/api/v1/services/${encodeURIComponent(service!.dataId)}`,
    )
    assertShape(detail, { ...serviceShape, endpoints: 'array', subscribers: 'array' })
    const [endpoint] = detail.endpoints
    assert.equal(endpoint!.address, '127.0.0.1:12200')
    assert.deepEqual(endpoint!.attributes, { app_name: 'account', weight: '100' })
    const [subscriber] = detail.subscribers
    assert.match(subscriber!.address, /^127\.0\.0\.1:\d+$/)
    assert.equal(subscriber!.pushedVersion, detail.version)
  })

  test('the list is newest first, and every state can be asked for', async () => {
    const all = await get<TransactionPage>('/api/v1/transactions')
    for (const summary of all.items) assertShape(summary, summaryShape)
    const order = all.items.map(({ xid }) => Number(xid.split(':').at(-1)))
    assert.deepEqual(
      order,
      order.toSorted((one, other) => other - one),
    )
    for (const state of ['committed', 'rolledBack', 'failed', 'retrying', 'active']) {
      const { items } = await get<TransactionPage>(`/api/v1/transactions?state=${state}`)
      assert.ok(
        items.some(({ xid }) => xid === xids[state]),
        state,
      )
      assert.ok(
        items.every((item) => item.state === state),
        state,
      )
    }
  })

  test('the list is searched by xid, name and application', async () => {
    const found = async (query: string): Promise<string[]> => {
      const path = `/api/v1/transactions?query=${encodeURIComponent(query)}`
      return (await get<TransactionPage>(path)).items.map(({ xid }) => xid)
    }
    assert.deepEqual(await found('first purch'), [xids['committed']])
    assert.deepEqual(await found(xids['failed']!), [xids['failed']])
    assert.ok((await found('order')).length >= 5)
    assert.deepEqual(await found('nothing of the kind'), [])
  })

  test('pages follow one another without gap or repetition', async () => {
    const all = await get<TransactionPage>('/api/v1/transactions')
    const seen: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const before: string = next === '' ? '' : `&before=${next}`
      const page: TransactionPage = await get(`/api/v1/transactions?limit=2${before}`)
      assert.ok(page.items.length <= 2)
      seen.push(...page.items.map(({ xid }) => xid))
      next = page.next
    }
    assert.deepEqual(
      seen,
      all.items.map(({ xid }) => xid),
    )
  })

  test('a rolled back transaction tells why and by whom', async () => {
    const detail = await detailOf(xids['rolledBack']!)
    assertShape(detail, {
      ...summaryShape,
      branches: 'array',
      locks: 'array',
      timeline: 'array',
    })
    for (const entry of detail.timeline) {
      assertShape(entry, {
        at: 'number',
        kind: 'string',
        branchId: 'string|null',
        actor: 'string',
        status: 'string|null',
        reason: 'string',
      })
    }
    const request = detail.timeline.find(({ kind }) => kind === 'rollbackRequested')
    assert.equal(request!.reason, 'not enough money')
    assert.match(request!.actor, /^order/)
    assert.equal(detail.timeline.at(-1)!.kind, 'ended')
  })

  test('a waiting transaction names the application, the branch and the next attempt', async () => {
    const detail = await detailOf(xids['retrying']!)
    assert.equal(detail.waitingTarget, 'stock')
    assert.match(detail.waitingFor!, /stock\.db/)
    const branch = detail.branches.find(({ clientId }) => clientId.startsWith('stock:'))
    assertShape(branch!, {
      branchId: 'string',
      order: 'number',
      type: 'string',
      resourceId: 'string',
      clientId: 'string',
      status: 'string',
      attemptCount: 'number',
      nextAttemptAt: 'number|null',
      lastError: 'string|null',
      statement: 'string',
      dirty: 'null',
      isRepairable: 'boolean',
    })
    assert.ok(branch!.attemptCount >= 1)
    assert.ok(detail.locks.some(({ table, key }) => table === 'items' && key === '4'))
    assertShape(detail.locks[0]!, {
      resourceId: 'string',
      table: 'string',
      key: 'string',
      branchId: 'string',
      since: 'number',
    })
  })

  test('a branch that waits for a row is counted until it has it', async () => {
    const { transactions } = await get<Overview>('/api/v1/overview')
    assert.equal(transactions.lockWaiterCount, 1)
    await holder.finish()
    assert.equal(await granted, true)
    const after = await get<Overview>('/api/v1/overview')
    assert.equal(after.transactions.lockWaiterCount, 0)
    const { timeline } = await detailOf(waiter.xid)
    assert.ok(timeline.some(({ kind }) => kind === 'lockWaited'))
  })

  test('a stream follows a transaction to its end, and an unknown one is silence', async () => {
    const following = await follow(
      url,
      `transaction:${xids['retrying']!},transaction:127.0.0.1:1:1,overview`,
    )
    shop.restart('stock')
    const settled = await following.until<TransactionDetail>(
      `transaction:${xids['retrying']!}`,
      ({ state }) => state === 'rolledBack',
    )
    assert.equal(settled.waitingTarget, null)
    await following.until('overview')
    assert.equal(following.count('transaction:127.0.0.1:1:1'), 0)
    following.close()
  })

  test('an unknown transaction or service is 404 with a sentence', async () => {
    for (const path of [
      '/api/v1/transactions/127.0.0.1:8091:7',
      '/api/v1/transactions/',
      '/api/v1/services/none',
      '/api/v1/overview/more',
      '/api/v1/nothing',
      '/api/v2/overview',
      '/api/',
    ]) {
      const answer = await ask(url, path)
      assert.equal(answer.status, 404, path)
      const { error } = answer.json<{ error: { code: string; message: string } }>()
      assert.equal(error.code, 'SETTEE_HTTP_NOT_FOUND')
      assert.match(error.message, /there is no/)
    }
  })
})

describe('a control plane that starts again on its data', () => {
  test('counts from its own start, though it remembers what was before', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'settee-control-plane-'))
    try {
      const first = await startControlPlane({ data: folder })
      const shop = openTestShop(addressOf(first, 'transactions'))
      const xid = await shop.purchase()
      const stream = await follow(first.consoleUrl, 'overview')
      const overview = await stream.until<Overview>(
        'overview',
        (value) => value.transactions.committedTotal === 1,
      )
      assert.equal(overview.dataDir, folder)
      await shop.close()
      await first.stop()
      assert.equal(await stream.ended, true)

      const second = await startControlPlane({ data: folder })
      const again = await follow(second.consoleUrl, 'overview,transactions')
      const { items } = await again.until<TransactionPage>('transactions')
      assert.equal(items[0]!.xid.split(':').at(-1), xid.split(':').at(-1))
      const { transactions, series } = await again.until<Overview>(
        'overview',
        (value) => value.series.length > 0,
      )
      assert.equal(transactions.committedTotal, 0)
      assert.deepEqual(
        series.map(({ committedPerSecond }) => committedPerSecond),
        [0],
      )
      await second.stop()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('a port in use is one sentence, and nothing stays open', async () => {
    const first = await startControlPlane()
    const port = Number(new URL(first.consoleUrl).port)
    await assert.rejects(startControlPlane({ 'http.port': port }), {
      code: 'SETTEE_WIRE_LISTEN_FAILED',
      message: /in use by another program/,
    })
    await first.stop()
  })
})
