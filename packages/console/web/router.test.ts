import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatFilter, formatRoute, parseRoute, topicsOf, type Route } from './router.ts'

const noFilter = { state: null, query: '', before: null } as const

const addresses: readonly (readonly [hash: string, route: Route])[] = [
  ['#/', { page: 'overview' }],
  ['#/services', { page: 'services', dataId: null, query: '' }],
  ['#/services?query=shop', { page: 'services', dataId: null, query: 'shop' }],
  [
    '#/services/com.example.Greeter:1.0@bolt',
    { page: 'services', dataId: 'com.example.Greeter:1.0@bolt', query: '' },
  ],
  ['#/transactions', { page: 'transactions', ...noFilter }],
  [
    '#/transactions?state=rolledBack&query=a+b&before=42',
    { page: 'transactions', state: 'rolledBack', query: 'a b', before: '42' },
  ],
  ['#/transactions/127.0.0.1:8091:42', { page: 'transaction', xid: '127.0.0.1:8091:42' }],
  ['#/nowhere', { page: 'unknown', path: '/nowhere' }],
]

for (const [hash, route] of addresses) {
  test(`${hash} is read and written`, () => {
    assert.deepEqual(parseRoute(hash), route)
    assert.equal(formatRoute(route), hash)
  })
}

test('an empty hash is the overview', () => {
  assert.deepEqual(parseRoute(''), { page: 'overview' })
})

test('a state that does not exist filters nothing', () => {
  assert.deepEqual(parseRoute('#/transactions?state=odd'), { page: 'transactions', ...noFilter })
})

test('a broken escape is taken literally', () => {
  assert.deepEqual(parseRoute('#/transactions/%zz'), { page: 'transaction', xid: '%zz' })
})

test('any id comes back out of its address', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (id) => {
      const service: Route = { page: 'services', dataId: id, query: id }
      assert.deepEqual(parseRoute(formatRoute(service)), service)
      const transaction: Route = { page: 'transaction', xid: id }
      assert.deepEqual(parseRoute(formatRoute(transaction)), transaction)
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('no filter is an empty query string, which is the key that events write to', () => {
  assert.equal(formatFilter(noFilter), '')
})

test('each page follows what it shows', () => {
  assert.deepEqual(topicsOf(parseRoute('#/')), ['overview'])
  assert.deepEqual(topicsOf(parseRoute('#/services')), ['overview', 'services'])
  assert.deepEqual(topicsOf(parseRoute('#/transactions')), ['overview', 'transactions'])
  assert.deepEqual(topicsOf(parseRoute('#/transactions/a:1:2')), ['overview', 'transaction:a:1:2'])
})
