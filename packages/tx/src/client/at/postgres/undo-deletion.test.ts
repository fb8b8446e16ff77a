import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@settee/kit'
import { createUndoDeletion } from './undo-deletion.ts'
import type { Branch } from './undo-table.ts'

const branch = (branchId: number): Branch => ({ xid: 'x', branchId })

/** A table whose deletions are answered by hand. */
function createTable() {
  const calls: { branches: readonly Branch[]; succeed: () => void; fail: () => void }[] = []
  const remove = (branches: readonly Branch[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error('no connection'))
      calls.push({ branches, succeed: resolve, fail })
    })
  return { calls, remove }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('the first deletion starts at once, the next ones share a batch', async () => {
  const { calls, remove } = createTable()
  const deletion = createUndoDeletion({ remove, maxQueued: 10_000, clock: createManualClock() })
  for (let i = 0; i < 1501; i++) await deletion.add(branch(i))
  assert.deepEqual(calls[0]!.branches, [branch(0)])
  calls[0]!.succeed()
  await settle()
  assert.equal(calls[1]!.branches.length, 1000)
  calls[1]!.succeed()
  await settle()
  assert.equal(calls[2]!.branches.length, 500)
  calls[2]!.succeed()
  await deletion.close()
  assert.equal(calls.length, 3)
})

test('with a full queue a commit waits for its own deletion', async () => {
  const { calls, remove } = createTable()
  const deletion = createUndoDeletion({ remove, maxQueued: 1, clock: createManualClock() })
  await deletion.add(branch(1))
  await deletion.add(branch(2))
  let isDone = false
  const third = deletion.add(branch(3)).then(() => (isDone = true))
  await settle()
  assert.equal(isDone, false)
  assert.deepEqual(calls[1]!.branches, [branch(3)])
  calls[1]!.succeed()
  await third
})

test('a failed deletion is tried again later, and left alone on closing', async () => {
  const { calls, remove } = createTable()
  const clock = createManualClock()
  const deletion = createUndoDeletion({ remove, maxQueued: 10, clock })
  await deletion.add(branch(1))
  calls[0]!.fail()
  await settle()
  assert.equal(calls.length, 1)
  clock.advance(100)
  await settle()
  assert.deepEqual(calls[1]!.branches, [branch(1)])
  calls[1]!.fail()
  await settle()
  const closing = deletion.close()
  await settle()
  calls[2]!.fail()
  await closing
})
