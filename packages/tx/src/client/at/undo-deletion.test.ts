import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUndoDeletion } from './undo-deletion.ts'
import type { BranchKey } from './undo/undo-log.ts'

const branch = (branchId: number): BranchKey => ({ xid: 'x', branchId })

/** A table whose deletions are answered by hand. */
function createTable() {
  const calls: { branches: readonly BranchKey[]; succeed: () => void; fail: () => void }[] = []
  const remove = (branches: readonly BranchKey[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error('no connection'))
      calls.push({ branches, succeed: resolve, fail })
    })
  return { calls, remove }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('the first deletion starts at once, the next ones share a batch', async () => {
  const { calls, remove } = createTable()
  const deletion = createUndoDeletion(remove)
  const deleted = Array.from({ length: 1501 }, (_, i) => deletion.add(branch(i)))
  assert.deepEqual(calls[0]!.branches, [branch(0)])
  calls[0]!.succeed()
  await deleted[0]
  await settle()
  assert.equal(calls[1]!.branches.length, 1000)
  calls[1]!.succeed()
  await deleted[1000]
  await settle()
  assert.equal(calls[2]!.branches.length, 500)
  calls[2]!.succeed()
  await Promise.all(deleted)
  await deletion.close()
  assert.equal(calls.length, 3)
})

test('a deletion is answered when it is done, and closing waits for it', async () => {
  const { calls, remove } = createTable()
  const deletion = createUndoDeletion(remove)
  const events: string[] = []
  const deleted = deletion.add(branch(1)).then(() => events.push('deleted'))
  const closed = deletion.close().then(() => events.push('closed'))
  await settle()
  assert.deepEqual(events, [])
  calls[0]!.succeed()
  await Promise.all([deleted, closed])
  assert.deepEqual(events, ['deleted', 'closed'])
})

test('a deletion that fails is told to those who wait, and the next ones go on', async () => {
  const { calls, remove } = createTable()
  const deletion = createUndoDeletion(remove)
  const first = deletion.add(branch(1))
  const second = deletion.add(branch(2))
  calls[0]!.fail()
  await assert.rejects(first, /no connection/)
  await settle()
  calls[1]!.succeed()
  await second
  await deletion.close()
})
