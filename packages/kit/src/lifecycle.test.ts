import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startAll, stopAll, type Service } from './lifecycle.ts'

function recorder() {
  const events: string[] = []
  function service(name: string, overrides: Partial<Service> = {}): Service {
    return {
      name,
      start: async () => void events.push(`start ${name}`),
      stop: async () => void events.push(`stop ${name}`),
      ...overrides,
    }
  }
  return { events, service }
}

test('services start in order and stop in reverse order', async () => {
  const { events, service } = recorder()
  const services = [service('a'), service('b'), service('c')]
  await startAll(services)
  await stopAll(services)
  assert.deepEqual(events, ['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
})

test('a service starts only after the one before it is ready', async () => {
  const { events, service } = recorder()
  const ready = Promise.withResolvers<void>()
  const started = startAll([service('slow', { start: () => ready.promise }), service('next')])
  await Promise.resolve()
  assert.deepEqual(events, [])
  ready.resolve()
  await started
  assert.deepEqual(events, ['start next'])
})

test('when one fails to start, those before it are stopped and its error comes out', async () => {
  const { events, service } = recorder()
  const failure = new Error('port in use')
  const services = [
    service('a'),
    service('b'),
    service('broken', { start: () => Promise.reject(failure) }),
    service('never'),
  ]
  await assert.rejects(startAll(services), failure)
  assert.deepEqual(events, ['start a', 'start b', 'stop b', 'stop a'])
})

test('a service that does not stop holds up the others for the limit alone', async () => {
  const { events, service } = recorder()
  const stuck = service('stuck', { stop: () => new Promise(() => {}) })
  await stopAll([service('a'), stuck, service('c')], 10)
  assert.deepEqual(events, ['stop c', 'stop a'])
})
