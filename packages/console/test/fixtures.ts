/**
 * Realistic answers of the control plane, typed by the API: a shop whose account service is away,
 * a transaction that a person must look at, and the same control plane when it is empty.
 */
import type {
  Branch,
  DirtyRows,
  Overview,
  ServiceDetail,
  TimelineEntry,
  TransactionDetail,
} from '../src/api.ts'

/** What the control plane knows at the instant `now`. */
export interface Snapshot {
  readonly overview: Overview
  readonly services: readonly ServiceDetail[]
  readonly transactions: readonly TransactionDetail[]
}

export type Scenario = 'calm' | 'waiting' | 'failed' | 'empty'

const order = 'shop-order:127.0.0.1:53120'
const stock = 'shop-stock:127.0.0.1:53124'
const account = 'shop-account:127.0.0.1:53131'
const startedAgoMs = 3_725_000

export function takeSnapshot(scenario: Scenario, now: number): Snapshot {
  const transactions = scenario === 'empty' ? [] : listTransactions(scenario, now)
  const services = scenario === 'empty' ? [] : listServices(now)
  return { overview: summarize(scenario, now, transactions, services), services, transactions }
}

function summarize(
  scenario: Scenario,
  now: number,
  transactions: readonly TransactionDetail[],
  services: readonly ServiceDetail[],
): Overview {
  const count = (state: string): number => transactions.filter((one) => one.state === state).length
  const isEmpty = scenario === 'empty'
  const isWaiting = count('retrying') > 0
  const connectionCount = isEmpty ? 0 : 3
  return {
    version: '0.1.0',
    startedAt: now - startedAgoMs,
    now,
    memoryBytes: 118_000_000,
    dataDir: isEmpty ? null : '/var/lib/settee/control-plane',
    components: [
      { name: 'registry', address: '127.0.0.1:9600', protocol: 'Bolt', connectionCount },
      { name: 'tx', address: '127.0.0.1:8091', protocol: 'Seata v1', connectionCount },
      { name: 'http', address: '127.0.0.1:8600', protocol: 'HTTP/1.1', connectionCount: 1 },
    ],
    transactions: {
      activeCount: count('active'),
      retryingCount: count('retrying'),
      failedCount: count('failed'),
      committedTotal: isEmpty ? 0 : 18_204,
      rolledBackTotal: isEmpty ? 0 : 4_391,
      lockCount: transactions.reduce((sum, one) => sum + one.lockCount, 0),
      lockWaiterCount: isWaiting ? 2 : 0,
    },
    waits: isWaiting
      ? [{ target: 'shop-account', transactionCount: count('retrying'), since: now - 38_000 }]
      : [],
    services: {
      serviceCount: services.length,
      endpointCount: services.reduce((sum, one) => sum + one.endpointCount, 0),
      subscriberCount: services.reduce((sum, one) => sum + one.subscriberCount, 0),
    },
    series: isEmpty ? [] : drawSeries(now, isWaiting),
  }
}

function drawSeries(now: number, isWaiting: boolean): Overview['series'] {
  const second = Math.floor(now / 1000)
  return Array.from({ length: 120 }, (_, index) => {
    const at = second - 119 + index
    const load = isWaiting && index > 82 ? 0.08 : 1
    const swing = Math.sin(at / 9) * 22 + Math.sin(at / 2.3) * 11
    return {
      at: at * 1000,
      committedPerSecond: Math.max(0, Math.round((118 + swing) * load)),
      rolledBackPerSecond: Math.max(0, Math.round((27 + swing / 4) * load)),
    }
  })
}

function listServices(now: number): readonly ServiceDetail[] {
  const service = (name: string, client: string, version: number): ServiceDetail => ({
    dataId: `com.example.shop.${name}:1.0@bolt`,
    group: 'SOFA',
    endpointCount: name === 'CouponService' ? 0 : 1,
    subscriberCount: name === 'AccountService' ? 2 : 1,
    version,
    changedAt: now - version * 61_000,
    endpoints:
      name === 'CouponService'
        ? []
        : [
            {
              address: client.slice(client.indexOf(':') + 1),
              application: client.split(':', 1)[0]!,
              zone: 'zone-a',
              registeredAt: now - version * 61_000,
              attributes: { serialization: 'json', weight: '100', startedBy: 'npm start' },
            },
          ],
    subscribers: [
      {
        address: order.slice(11),
        application: 'shop-order',
        zone: 'zone-a',
        pushedVersion: version,
      },
      ...(name === 'AccountService'
        ? [
            {
              address: '127.0.0.1:53177',
              application: 'shop-reports',
              zone: '',
              pushedVersion: version - 1,
            },
          ]
        : []),
    ],
  })
  return [
    service('AccountService', account, 7),
    service('CouponService', order, 3),
    service('OrderService', order, 2),
    service('StockService', stock, 2),
  ]
}

interface Outline {
  readonly id: string
  readonly agoMs: number
  readonly name?: string
}

function listTransactions(scenario: Scenario, now: number): readonly TransactionDetail[] {
  const at = (id: number, agoMs: number): Outline => ({ id: String(7_300_412_000 + id), agoMs })
  return [
    running({ ...at(99, 2_400) }, now),
    ...(scenario === 'waiting'
      ? [waiting(at(96, 38_900), now), waiting(at(95, 38_500), now), waiting(at(94, 38_200), now)]
      : []),
    ...(scenario === 'failed' ? [failed(at(93, 61_000), now)] : []),
    committed(at(92, 64_000), now),
    rolledBack(at(91, 65_000), now),
    timedOut(at(90, 93_000), now),
    ...Array.from({ length: 14 }, (_, index) =>
      index % 5 === 3
        ? rolledBack(at(80 - index, 101_000 + index * 900), now)
        : committed(at(80 - index, 101_000 + index * 900), now),
    ),
  ]
}

function branch(id: string, position: number, status: string, more: Partial<Branch> = {}): Branch {
  const clients = [order, stock, account]
  const names = ['order', 'stock', 'account']
  return {
    branchId: `${id}${position}`,
    order: position,
    type: 'AT',
    resourceId: `jdbc:postgresql://127.0.0.1:5432/shop_${names[position - 1]}`,
    clientId: clients[position - 1]!,
    status,
    attemptCount: status.startsWith('PhaseTwo') ? 1 : 0,
    nextAttemptAt: null,
    lastError: null,
    statement: '',
    dirty: null,
    isRepairable: false,
    ...more,
  }
}

/** Entries as `[offset in ms, kind, branch position, actor, status, reason]`. */
type Line = readonly [number, TimelineEntry['kind'], number | null, string, string | null, string]

function timeline(id: string, beganAt: number, lines: readonly Line[]): readonly TimelineEntry[] {
  return lines.map(([offsetMs, kind, position, actor, status, reason]) => ({
    at: beganAt + offsetMs,
    kind,
    branchId: position === null ? null : `${id}${position}`,
    actor,
    status,
    reason,
  }))
}

const opening: readonly Line[] = [
  [0, 'begun', null, order, 'Begin', ''],
  [11, 'branchRegistered', 1, order, null, ''],
  [34, 'branchRegistered', 2, stock, null, ''],
]

function base(outline: Outline, now: number): TransactionDetail {
  return {
    xid: `127.0.0.1:8091:${outline.id}`,
    name: 'purchase',
    application: 'shop-order',
    state: 'active',
    status: 'Begin',
    beganAt: now - outline.agoMs,
    endedAt: null,
    timeoutMs: 10_000,
    branchCount: 3,
    lockCount: 0,
    waitingFor: null,
    waitingTarget: null,
    waitingSince: null,
    branches: [],
    locks: [],
    timeline: [],
  }
}

function running(outline: Outline, now: number): TransactionDetail {
  const { id } = outline
  const begun = base(outline, now)
  return {
    ...begun,
    branchCount: 2,
    lockCount: 2,
    branches: [branch(id, 1, 'PhaseOne_Done'), branch(id, 2, 'Registered')],
    locks: locksOf(id, 2),
    timeline: timeline(id, begun.beganAt, opening),
  }
}

function committed(outline: Outline, now: number): TransactionDetail {
  const { id } = outline
  const begun = base(outline, now)
  return {
    ...begun,
    state: 'committed',
    status: 'Committed',
    endedAt: begun.beganAt + 96,
    branches: [1, 2, 3].map((position) => branch(id, position, 'PhaseTwo_Committed')),
    timeline: timeline(id, begun.beganAt, [
      ...opening,
      [58, 'branchRegistered', 3, account, null, ''],
      [71, 'commitRequested', null, order, 'AsyncCommitting', ''],
      [82, 'branchCommitted', 1, order, null, ''],
      [88, 'branchCommitted', 2, stock, null, ''],
      [95, 'branchCommitted', 3, account, null, ''],
      [96, 'ended', null, 'coordinator', 'Committed', ''],
    ]),
  }
}

function rolledBack(outline: Outline, now: number): TransactionDetail {
  const { id } = outline
  const begun = base(outline, now)
  return {
    ...begun,
    state: 'rolledBack',
    status: 'Rollbacked',
    endedAt: begun.beganAt + 171,
    branchCount: 2,
    branches: [1, 2].map((position) => branch(id, position, 'PhaseTwo_Rollbacked')),
    timeline: timeline(id, begun.beganAt, [
      ...opening,
      [132, 'rollbackRequested', null, order, 'Rollbacking', 'not enough money'],
      [150, 'branchRolledBack', 2, stock, null, ''],
      [170, 'branchRolledBack', 1, order, null, ''],
      [171, 'ended', null, 'coordinator', 'Rollbacked', ''],
    ]),
  }
}

function timedOut(outline: Outline, now: number): TransactionDetail {
  const { id } = outline
  const begun = base(outline, now)
  return {
    ...begun,
    name: 'purchase with a voucher',
    state: 'rolledBack',
    status: 'TimeoutRollbacked',
    endedAt: begun.beganAt + 13_240,
    branchCount: 2,
    branches: [1, 2].map((position) => branch(id, position, 'PhaseTwo_Rollbacked')),
    timeline: timeline(id, begun.beganAt, [
      ...opening,
      [10_000, 'timedOut', null, 'coordinator', 'TimeoutRollbacking', 'not finished within 10 s'],
      [10_020, 'branchRolledBack', 2, stock, null, ''],
      [10_700, 'branchRetry', 1, 'coordinator', null, 'no connection to shop-order'],
      [13_239, 'branchRolledBack', 1, order, null, ''],
      [13_240, 'ended', null, 'coordinator', 'TimeoutRollbacked', ''],
    ]),
  }
}

function waiting(outline: Outline, now: number): TransactionDetail {
  const { id } = outline
  const begun = base(outline, now)
  const since = begun.beganAt + 900
  const lastError = 'no connection to shop-account (127.0.0.1:53131 closed the connection)'
  return {
    ...begun,
    state: 'retrying',
    status: 'RollbackRetrying',
    lockCount: 1,
    waitingFor: 'Waits for the application shop-account to roll back branch 3.',
    waitingTarget: 'shop-account',
    waitingSince: since,
    branches: [
      branch(id, 1, 'PhaseOne_Done'),
      branch(id, 2, 'PhaseOne_Done'),
      branch(id, 3, 'PhaseTwo_RollbackFailed_Retryable', {
        attemptCount: 7,
        nextAttemptAt: Math.ceil(now / 5_000) * 5_000,
        lastError,
      }),
    ],
    locks: locksOf(id, 3).slice(2),
    timeline: timeline(id, begun.beganAt, [
      ...opening,
      [71, 'branchRegistered', 3, account, null, ''],
      [640, 'lockWaited', 3, account, null, 'account.id=7 is held by 127.0.0.1:8091:7300412061'],
      [
        812,
        'rollbackRequested',
        null,
        order,
        'Rollbacking',
        'account service did not answer in time',
      ],
      [900, 'branchRetry', 3, 'coordinator', 'RollbackRetrying', lastError],
      [1_912, 'branchRetry', 3, 'coordinator', null, lastError],
      [3_870, 'branchRetry', 3, 'coordinator', null, lastError],
      [12_420, 'resumed', null, 'coordinator', null, ''],
    ]),
  }
}

function failed(outline: Outline, now: number): TransactionDetail {
  const { id } = outline
  const begun = base(outline, now)
  const lastError =
    'stock_item id=42 was changed outside of global transactions: expected amount 17, found 3'
  return {
    ...begun,
    state: 'failed',
    status: 'RollbackFailed',
    endedAt: begun.beganAt + 204,
    branchCount: 2,
    lockCount: 1,
    branches: [
      branch(id, 1, 'PhaseOne_Done'),
      branch(id, 2, 'PhaseTwo_RollbackFailed_Unretryable', {
        lastError,
        statement: 'UPDATE stock_item SET amount = amount - ? WHERE id = ?',
        dirty: dirtyRows(lastError),
        isRepairable: true,
      }),
    ],
    locks: locksOf(id, 2).slice(1),
    timeline: timeline(id, begun.beganAt, [
      ...opening,
      [132, 'rollbackRequested', null, order, 'Rollbacking', 'not enough money'],
      [203, 'branchFailed', 2, stock, null, lastError],
      [204, 'ended', null, 'coordinator', 'RollbackFailed', ''],
    ]),
  }
}

function dirtyRows(message: string): DirtyRows {
  const row = (amount: string, checked: string | null): Record<string, string | null> => ({
    id: '42',
    sku: 'settee-2-seats-forest-green',
    amount,
    checked_at: checked,
  })
  const change = (amount: string): string =>
    `UPDATE "public"."stock_item" SET "amount" = '${amount}', "checked_at" = NULL ` +
    `WHERE "id" = '42';`
  return {
    code: 'SETTEE_TX_DIRTY_DATA',
    message,
    rows: [
      {
        tableName: 'stock_item',
        sqlType: 'UPDATE',
        before: row('18', null),
        after: row('17', null),
        now: row('3', '2026-11-21 03:12:09.5'),
        sql: { before: change('18'), after: change('17'), now: '' },
      },
      {
        tableName: 'reservation',
        sqlType: 'INSERT',
        after: { id: '7001', item: '42', amount: '1' },
        now: { id: '7001', item: '42', amount: '2' },
        sql: {
          before: `DELETE FROM "public"."reservation" WHERE "id" = '7001';`,
          after: `UPDATE "public"."reservation" SET "amount" = '1' WHERE "id" = '7001';`,
          now: '',
        },
      },
    ],
    omittedRows: 0,
  }
}

function locksOf(id: string, count: number): TransactionDetail['locks'] {
  const tables = ['orders', 'stock_item', 'account']
  return tables.slice(0, count).map((table, index) => ({
    resourceId: branch(id, index + 1, '').resourceId,
    table,
    key: String(1_204 * (index + 1)),
    branchId: `${id}${index + 1}`,
    since: 0,
  }))
}
