import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import {
  createManualClock,
  createSeededRandom,
  systemClock,
  type ManualClock,
  type SetteeError,
} from '@settee/kit'
import { TimerWheel } from '@settee/wire'
import { MessageType, ResultCode, type RegisterRMRequest } from '../protocol/index.ts'
import { CoordinatorLink, type CoordinatorLinkOptions } from './coordinator-link.ts'
import { TestCoordinator, type TestCoordinatorOptions } from './test-coordinator.ts'

const cleanUps: (() => unknown)[] = []
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
})

async function startCoordinator(options?: TestCoordinatorOptions): Promise<TestCoordinator> {
  const coordinator = await TestCoordinator.start(options)
  cleanUps.push(() => coordinator.stop())
  return coordinator
}

function createLink(port: number, options: Partial<CoordinatorLinkOptions> = {}): CoordinatorLink {
  const clock = options.clock ?? systemClock
  const link = new CoordinatorLink({
    host: '127.0.0.1',
    port,
    clock,
    random: createSeededRandom(1),
    wheel: new TimerWheel({ clock }),
    registration: () => registration(''),
    onWarning: () => {},
    ...options,
  })
  cleanUps.push(() => link.close())
  return link
}

function registration(resourceIds: string): RegisterRMRequest {
  return {
    type: MessageType.RegisterRM,
    version: '2.6.0',
    applicationId: 'order',
    transactionServiceGroup: 'group',
    extraData: '',
    resourceIds,
  }
}

function begin(link: CoordinatorLink, timeoutMs = 5000): Promise<{ readonly xid: string }> {
  const message = { type: MessageType.GlobalBegin, timeoutMs: 1000, transactionName: 't' } as const
  return link.call<typeof MessageType.GlobalBegin>(message, timeoutMs)
}

/** Moves time on until `promise` settles, with a turn for the sockets in between. */
async function settle<Value>(clock: ManualClock, promise: Promise<Value>): Promise<Value> {
  let isSettled = false
  promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  )
  while (!isSettled) {
    clock.advance(100)
    await new Promise(setImmediate)
  }
  return promise
}

const refusal = {
  type: MessageType.RegisterRMResult,
  resultCode: ResultCode.Failed,
  msg: '',
  identified: false,
  version: '2.6.0',
} as const

describe('the link to the coordinator', () => {
  test('registers before it sends what was called meanwhile', async () => {
    const coordinator = await startCoordinator()
    const link = createLink(coordinator.port)
    const calls = [begin(link), begin(link)]
    assert.equal(link.isReady, false)
    link.register()
    const answers = await Promise.all(calls)
    assert.deepEqual(
      answers.map(({ xid }) => xid),
      [`${coordinator.address}:1`, `${coordinator.address}:2`],
    )
    assert.deepEqual(coordinator.requests[0], registration(''))
    assert.equal(link.isReady, true)
    assert.equal(link.serverVersion, '2.6.0')
  })

  test('registers again on the same connection when what it serves has changed', async () => {
    const coordinator = await startCoordinator()
    let resourceIds = 'a'
    const link = createLink(coordinator.port, { registration: () => registration(resourceIds) })
    link.register()
    await begin(link)
    resourceIds = 'a,b'
    link.register()
    await coordinator.until(() => coordinator.ofType(MessageType.RegisterRM).length === 2)
    assert.equal(coordinator.ofType(MessageType.RegisterRM)[1]!.resourceIds, 'a,b')
    assert.equal(coordinator.peersOf('RM').length, 1)
    assert.equal(link.isReady, true)
  })

  test('reconnects, registers anew and sends what waited', async () => {
    const first = await startCoordinator()
    const link = createLink(first.port)
    link.register()
    await begin(link)
    const { port } = first
    await first.stop()
    const call = begin(link)
    const second = await startCoordinator({ port })
    await call
    assert.deepEqual(
      second.requests.map(({ type }) => type),
      [MessageType.RegisterRM, MessageType.GlobalBegin],
    )
  })

  test('a call whose connection is lost fails, because it may have arrived', async () => {
    const coordinator = await startCoordinator({
      react: ({ type }) => (type === MessageType.GlobalBegin ? 'lose' : undefined),
    })
    const link = createLink(coordinator.port)
    link.register()
    await assert.rejects(begin(link), { code: 'SETTEE_WIRE_CLOSED' })
  })

  test('says in time that nobody listens, and why', async () => {
    const clock = createManualClock()
    const coordinator = await startCoordinator()
    await coordinator.stop()
    const link = createLink(coordinator.port, { clock })
    link.register()
    await assert.rejects(settle(clock, begin(link, 3000)), {
      code: 'SETTEE_TX_COORDINATOR_UNAVAILABLE',
      message: /127\.0\.0\.1:\d+ could not be reached within 3000 ms: .*ECONNREFUSED.*nothing was/,
    })
    await assert.rejects(begin(link, 0), { code: 'SETTEE_TX_COORDINATOR_UNAVAILABLE' })
  })

  test('waiting for the connection counts for the timeout of a call', async () => {
    const clock = createManualClock()
    const coordinator = await startCoordinator({
      react: ({ type }) => (type === MessageType.GlobalBegin ? 'silence' : undefined),
    })
    const link = createLink(coordinator.port, { clock })
    const call = begin(link, 1000)
    clock.advance(600)
    link.register()
    await coordinator.until(() => coordinator.requests.length === 2)
    const sentAtMs = clock.monotonic()
    await assert.rejects(settle(clock, call), { code: 'SETTEE_WIRE_TIMEOUT' })
    assert.ok(clock.monotonic() - sentAtMs <= 500)
  })

  test('a refused registration fails calls at once and is tried again after a pause', async () => {
    const clock = createManualClock()
    let isRefused = true
    const coordinator = await startCoordinator({
      react: ({ type }) => {
        if (!isRefused || type !== MessageType.RegisterRM) return undefined
        return refusal
      },
    })
    const warnings: SetteeError[] = []
    const warned = Promise.withResolvers<void>()
    const link = createLink(coordinator.port, {
      clock,
      onWarning: (error) => {
        warnings.push(error)
        warned.resolve()
      },
    })
    const waiting = begin(link)
    link.register()
    const expected = { code: 'SETTEE_TX_REGISTRATION_REFUSED', message: /"order".*"group"/ }
    await assert.rejects(waiting, expected)
    await warned.promise
    await assert.rejects(begin(link), expected)
    // News of resources do not shorten the pause.
    link.register()
    assert.equal(warnings.length, 1)
    isRefused = false
    clock.advance(2000)
    await assert.rejects(begin(link), expected)
    clock.advance(3000)
    await coordinator.until(() => coordinator.ofType(MessageType.RegisterRM).length === 2)
    await coordinator.until(() => coordinator.peersOf('RM').length === 1)
    while (!link.isReady) await new Promise(setImmediate)
    await begin(link)
    assert.equal(coordinator.ofType(MessageType.RegisterRM).length, 2)
  })

  test('a registration without an answer is tried on a new connection', async () => {
    const clock = createManualClock()
    let silences = 1
    const coordinator = await startCoordinator({
      react: ({ type }) =>
        type === MessageType.RegisterRM && silences-- > 0 ? 'silence' : undefined,
    })
    const link = createLink(coordinator.port, { clock })
    link.register()
    await coordinator.until(() => coordinator.requests.length === 1)
    await settle(clock, begin(link, 60_000))
    assert.deepEqual(
      coordinator.requests.map(({ type }) => type),
      [MessageType.RegisterRM, MessageType.RegisterRM, MessageType.GlobalBegin],
    )
  })

  test('a quiet connection is kept by heartbeats', async () => {
    const clock = createManualClock()
    const coordinator = await startCoordinator({ clock })
    const link = createLink(coordinator.port, { clock })
    link.register()
    await begin(link)
    // Both sides would give up a peer that is silent for 15 s.
    for (let seconds = 0; seconds < 60; seconds++) {
      clock.advance(1000)
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    }
    await begin(link)
    assert.equal(coordinator.ofType(MessageType.RegisterRM).length, 1)
  })

  test('only so many calls may wait', async () => {
    const link = createLink(1, { maxWaitingCalls: 1 })
    const first = begin(link)
    await assert.rejects(begin(link), { code: 'SETTEE_WIRE_OVERLOADED' })
    link.close()
    await assert.rejects(first, { code: 'SETTEE_TX_CLOSED' })
    await assert.rejects(begin(link), { code: 'SETTEE_TX_CLOSED' })
  })
})
