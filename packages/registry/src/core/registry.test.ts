import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  parsePublisherRegister,
  parseSubscriberRegister,
  type PublisherRegister,
  type SubscriberRegister,
} from '../protocol/messages.ts'
import { receivedDataFor, Registry } from './registry.ts'

function publisher(fields: Partial<PublisherRegister> & { data?: string } = {}): PublisherRegister {
  const { data = '127.0.0.1:1', ...rest } = fields
  return {
    ...parsePublisherRegister({ dataId: 'shop@DEFAULT', registId: 'p1', version: 1 }),
    dataList: [{ data }],
    ...rest,
  }
}

function subscriber(fields: Partial<SubscriberRegister> = {}): SubscriberRegister {
  return {
    ...parseSubscriberRegister({ dataId: 'shop@DEFAULT', registId: 's1', version: 1 }),
    ...fields,
  }
}

/** What a subscriber would be pushed now. */
function pushed(registry: Registry, registId = 's1'): string[] {
  const [datum] = registry.data.values()
  const subscription = datum?.subscriptions.get(registId)
  if (datum === undefined || subscription === undefined) return []
  const { data } = receivedDataFor(datum, subscription, false)
  return Object.values(data).flatMap((boxes) => boxes.map((box) => box.data))
}

describe('registry', () => {
  test('a subscriber is told the list as it stands, also when nobody publishes', () => {
    const registry = new Registry()
    const effect = registry.stepSubscribe('c1', subscriber(), 1000)
    assert.equal(effect?.kind, 'subscribed')
    assert.deepEqual(pushed(registry), [])
    registry.stepPublish('c2', publisher(), 1001)
    assert.deepEqual(pushed(registry), ['127.0.0.1:1'])
  })

  test('what a connection published leaves with it, once, and others stay', () => {
    const registry = new Registry()
    registry.stepSubscribe('c1', subscriber(), 1)
    registry.stepPublish('c2', publisher({ registId: 'a', data: 'a' }), 2)
    registry.stepPublish('c3', publisher({ registId: 'b', data: 'b' }), 3)
    const effects = registry.stepDisconnect('c2', 4)
    assert.equal(effects.length, 1)
    assert.deepEqual(pushed(registry), ['b'])
    assert.deepEqual(registry.stepDisconnect('c2', 5), [])
  })

  test('an owner that came back on a new connection survives the end of its old one', () => {
    const registry = new Registry()
    registry.stepSubscribe('c1', subscriber(), 1)
    registry.stepPublish('old', publisher(), 2)
    registry.stepPublish('new', publisher(), 3)
    assert.deepEqual(registry.stepDisconnect('old', 4), [])
    assert.deepEqual(pushed(registry), ['127.0.0.1:1'])
  })

  test('the same publication again is no change; other data or its end is', () => {
    const registry = new Registry()
    registry.stepSubscribe('c1', subscriber(), 1)
    assert.equal(registry.stepPublish('c2', publisher(), 2)?.kind, 'changed')
    assert.equal(registry.stepPublish('c2', publisher(), 3), undefined)
    assert.equal(
      registry.stepPublish('c2', publisher({ version: 2, data: 'x' }), 4)?.kind,
      'changed',
    )
    assert.equal(registry.stepPublish('c2', publisher({ version: 1, data: 'late' }), 5), undefined)
    assert.deepEqual(pushed(registry), ['x'])
    const gone = publisher({ version: 3, eventType: 'UNREGISTER' })
    assert.equal(registry.stepPublish('c2', gone, 6)?.kind, 'changed')
    assert.deepEqual(pushed(registry), [])
  })

  test('versions only grow, also when the clock goes back and over a restart', () => {
    const first = new Registry()
    first.stepSubscribe('c1', subscriber(), 2_000_000_000_000)
    const [datum] = first.data.values()
    const seen = [datum!.version]
    for (const now of [2_000_000_000_000, 1_999_999_999_000, 2_000_000_000_001]) {
      first.stepPublish(
        'c2',
        publisher({ version: seen.length, data: String(now + seen.length) }),
        now,
      )
      seen.push(datum!.version)
    }
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    )
    assert.equal(new Set(seen).size, seen.length)
    const restarted = new Registry()
    restarted.stepSubscribe('c1', subscriber(), 2_000_000_001_000)
    assert.ok([...restarted.data.values()][0]!.version > seen.at(-1)!)
    assert.ok(Number.isSafeInteger(seen.at(-1)))
  })

  test('a push carries the zone of the subscriber, not that of the server', () => {
    const registry = new Registry()
    registry.stepPublish('c2', publisher({ zone: 'GZ00A' }), 1)
    registry.stepPublish('c3', publisher({ registId: 'p2', zone: 'GZ00B', data: 'b' }), 1)
    registry.stepSubscribe('c1', subscriber({ zone: 'GZ00B', scope: 'zone' }), 2)
    const [datum] = registry.data.values()
    const push = receivedDataFor(datum!, datum!.subscriptions.get('s1')!, false)
    assert.equal(push.localZone, 'GZ00B')
    assert.deepEqual({ ...push.data }, { GZ00B: [{ data: 'b' }] })
  })

  test('a registId that is used twice, for two services and in both roles, leaves no ghost', () => {
    const registry = new Registry()
    registry.stepPublish('c1', publisher({ registId: 'same' }), 1)
    registry.stepPublish('c1', publisher({ registId: 'same', dataId: 'other' }), 2)
    registry.stepSubscribe('c1', subscriber({ registId: 'same' }), 3)
    registry.stepPublish('c1', publisher({ registId: 'same', eventType: 'UNREGISTER' }), 4)
    assert.equal(registry.data.size, 2)
    registry.stepDisconnect('c1', 5)
    assert.equal(registry.data.size, 0)
  })

  test('nobody withdraws what another connection has registered', () => {
    const registry = new Registry()
    registry.stepPublish('c1', publisher(), 1)
    registry.stepSubscribe('c1', subscriber(), 2)
    registry.stepPublish('c2', publisher({ eventType: 'UNREGISTER', version: 9 }), 3)
    registry.stepSubscribe('c2', subscriber({ eventType: 'UNREGISTER', version: 9 }), 4)
    assert.deepEqual(pushed(registry), ['127.0.0.1:1'])
  })

  test('a connection has a limit of registrations, and repeats are not counted', () => {
    const registry = new Registry({ maxRegistrationsPerConnection: 2 })
    registry.stepPublish('c1', publisher(), 1)
    registry.stepSubscribe('c1', subscriber(), 2)
    registry.stepSubscribe('c1', subscriber(), 3)
    assert.throws(() => registry.stepSubscribe('c1', subscriber({ dataId: 'third' }), 4), {
      code: 'SETTEE_REGISTRY_LIMIT',
      message: /2 registrations came over this connection/,
    })
    assert.equal(registry.data.size, 1)
    registry.stepSubscribe('c1', subscriber({ eventType: 'UNREGISTER' }), 5)
    registry.stepSubscribe('c1', subscriber({ dataId: 'third' }), 6)
    assert.equal(registry.data.size, 2)
  })

  test('names have a limit of length', () => {
    const registry = new Registry({ maxNameLength: 8 })
    for (const name of ['dataId', 'registId', 'group', 'instanceId', 'zone', 'appName']) {
      const fields = { dataId: 'd', registId: 'r', group: 'g', instanceId: 'i', zone: 'z' }
      assert.throws(
        () => registry.stepPublish('c1', publisher({ ...fields, [name]: '9chars...' }), 1),
        {
          code: 'SETTEE_REGISTRY_LIMIT',
          message: new RegExp(`^${name} has 9 characters`),
        },
      )
    }
    assert.equal(registry.data.size, 0)
  })

  test('limits are refused with their numbers and leave nothing behind', () => {
    const registry = new Registry({
      maxDataCount: 1,
      maxRegistrationsPerData: 1,
      maxPublishedBytes: 20,
    })
    registry.stepPublish('c1', publisher(), 1)
    const refused = { code: 'SETTEE_REGISTRY_LIMIT' }
    assert.throws(() => registry.stepPublish('c1', publisher({ dataId: 'other' }), 2), refused)
    assert.throws(() => registry.stepPublish('c1', publisher({ registId: 'p2' }), 2), refused)
    const large = publisher({ data: 'x'.repeat(21) })
    assert.throws(() => registry.stepPublish('c1', large, 2), /21 bytes; the limit is 20/)
    assert.equal(registry.data.size, 1)
  })

  test('agrees with a model that recomputes everything, and forgets what is empty', () => {
    const step = fc.record({
      kind: fc.constantFrom('publish', 'withdraw', 'subscribe', 'unsubscribe', 'disconnect'),
      connection: fc.constantFrom('c1', 'c2', 'c3'),
      data: fc.constantFrom('x', 'y'),
      service: fc.constantFrom('a@DEFAULT', 'b@DEFAULT'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const registry = new Registry()
        const model = new Map<string, { service: string; data: string }>()
        const subscriptions = new Set<string>()
        let version = 0
        for (const { kind, connection, data, service } of steps) {
          version++
          const dataId = service
          const registId = `${connection} ${service}`
          if (kind === 'publish') {
            registry.stepPublish(
              connection,
              publisher({ dataId, registId, version, data }),
              version,
            )
            model.set(registId, { service, data })
          } else if (kind === 'withdraw') {
            const eventType = 'UNREGISTER'
            const gone = publisher({ dataId, registId, version, eventType })
            registry.stepPublish(connection, gone, version)
            model.delete(registId)
          } else if (kind === 'subscribe') {
            registry.stepSubscribe(connection, subscriber({ dataId, registId, version }), version)
            subscriptions.add(registId)
          } else if (kind === 'unsubscribe') {
            const eventType = 'UNREGISTER'
            const gone = subscriber({ dataId, registId, version, eventType })
            registry.stepSubscribe(connection, gone, version)
            subscriptions.delete(registId)
          } else {
            registry.stepDisconnect(connection, version)
            for (const key of [...model.keys(), ...subscriptions]) {
              if (!key.startsWith(connection)) continue
              model.delete(key)
              subscriptions.delete(key)
            }
          }
          const published = [...registry.data.values()].flatMap((datum) =>
            [...datum.publishers].map(([id, { register }]) => [id, register.dataList[0]!.data]),
          )
          assert.deepEqual(
            new Map(published as [string, string][]),
            new Map([...model].map(([id, { data: known }]) => [id, known])),
          )
          const subscribed = [...registry.data.values()].flatMap((d) => [...d.subscriptions.keys()])
          assert.deepEqual(new Set(subscribed), subscriptions)
          for (const datum of registry.data.values()) {
            assert.ok(datum.publishers.size + datum.subscriptions.size > 0, 'an empty datum stays')
          }
        }
      }),
      { seed: 4, numRuns: 300 },
    )
  })
})
