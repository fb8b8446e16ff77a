import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@settee/kit'
import { createWriterQueue, type Urgency } from './writer-queue.ts'

test('rollbacks first, then work in order, idle tasks last but not for ever', async () => {
  const clock = createManualClock()
  const queue = createWriterQueue({ clock, maxWaiting: 100, waitMs: 60_000 })
  const order: string[] = []
  const done: Promise<void>[] = []
  function enter(urgency: Urgency, name: string): void {
    const turn = queue.acquire(urgency).then((lease) => {
      order.push(name)
      lease.release()
    })
    done.push(turn)
  }
  const first = await queue.acquire('work')
  enter('idle', 'idle 1')
  enter('work', 'work 1')
  enter('work', 'work 2')
  enter('rollback', 'rollback 1')
  first.release()
  await Promise.all(done)
  assert.deepEqual(order.splice(0), ['rollback 1', 'work 1', 'work 2', 'idle 1'])

  const second = await queue.acquire('work')
  enter('idle', 'idle 2')
  clock.advance(1000)
  enter('idle', 'idle 3')
  enter('work', 'work 3')
  enter('rollback', 'rollback 2')
  second.release()
  second.release()
  await Promise.all(done)
  assert.deepEqual(order, ['rollback 2', 'idle 2', 'work 3', 'idle 3'])
})

test('who waited too long is passed over and makes room for another', async () => {
  const clock = createManualClock()
  const queue = createWriterQueue({ clock, maxWaiting: 1, waitMs: 100 })
  const lease = await queue.acquire('work')
  const late = assert.rejects(queue.acquire('work'), { code: 'SETTEE_TX_POOL_TIMEOUT' })
  await assert.rejects(queue.acquire('work'), { code: 'SETTEE_TX_POOL_OVERLOADED' })
  clock.advance(100)
  await late
  const next = queue.acquire('work')
  lease.release()
  const closing = queue.close()
  await assert.rejects(queue.acquire('work'), { code: 'SETTEE_TX_POOL_CLOSED' })
  const nextLease = await next
  nextLease.release()
  await closing
  assert.equal(clock.pendingCount, 0)
})
