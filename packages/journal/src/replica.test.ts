import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock, type SetteeError } from '@settee/kit'
import type { ByteReader, ByteWriter } from '@settee/wire'
import { createMemoryJournal, type MemoryJournal } from './memory-journal.ts'
import { createReplica, type Replica, type ReplicaOptions, type StateMachine } from './replica.ts'

interface Deposit {
  readonly account: string
  readonly amount: number
}

/** Accounts with balances; a deposit gives the new balance. */
class Bank implements StateMachine<Deposit, number> {
  balances = new Map<string, number>()
  applied: number[] = []
  decodedCount = 0

  encode(deposit: Deposit, writer: ByteWriter): void {
    writer.u32(deposit.amount)
    writer.utf8(deposit.account)
  }
  decode(reader: ByteReader): Deposit {
    this.decodedCount++
    return { amount: reader.u32(), account: reader.utf8(reader.remaining) }
  }
  apply({ account, amount }: Deposit, index: number): number {
    if (account === 'broken') throw new Error('a defect')
    this.applied.push(index)
    const balance = (this.balances.get(account) ?? 0) + amount
    this.balances.set(account, balance)
    return balance
  }
  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify([...this.balances]))
  }
  restore(bytes: Uint8Array): void {
    this.balances = new Map(JSON.parse(Buffer.from(bytes).toString()) as [string, number][])
  }
}

async function startReplica(
  journal: MemoryJournal,
  options: Partial<ReplicaOptions<Deposit, number>> = {},
): Promise<{ replica: Replica<Deposit, number>; machine: Bank }> {
  const machine = new Bank()
  const replica = createReplica({ journal, machine, verifyCodec: true, ...options })
  await replica.start()
  return { replica, machine }
}

const deposit = (amount: number, account = 'ada'): Deposit => ({ account, amount })

test('a command is applied and answered after it is durable, in order, not before', async () => {
  const journal = createMemoryJournal({ flush: 'manual' })
  const { replica, machine } = await startReplica(journal)
  const answers: string[] = []
  for (const amount of [5, 6]) {
    replica.propose(deposit(amount), (error, balance) => {
      answers.push(`${String(error)} ${balance} after ${machine.applied.join()}`)
    })
  }
  assert.deepEqual([machine.applied, answers], [[], []])
  assert.equal(replica.stats().pendingCount, 2)
  journal.flush()
  assert.deepEqual(answers, ['undefined 5 after 1', 'undefined 11 after 1,2'])
  assert.equal(replica.stats().appliedIndex, 2)
})

test('a restart replays snapshot and records and loses only what nobody was told', async () => {
  const journal = createMemoryJournal({ flush: 'manual' })
  const first = await startReplica(journal, { snapshotEveryBytes: 20 })
  const acknowledged: (number | undefined)[] = []
  for (const amount of [1, 2, 3, 4, 5]) {
    first.replica.propose(deposit(amount), (_error, balance) => acknowledged.push(balance))
    if (amount < 5) journal.flush()
    await Promise.resolve()
  }
  assert.ok(first.replica.stats().snapshotCount > 0)
  assert.ok(journal.stats().snapshotIndex < 4)
  journal.crash()
  const second = await startReplica(journal)
  assert.deepEqual(acknowledged, [1, 3, 6, 10])
  assert.equal(second.machine.balances.get('ada'), 10)
  assert.equal(second.machine.decodedCount, 4 - journal.stats().snapshotIndex)
  assert.equal(second.replica.stats().appliedIndex, 4)
})

test('pending commands get the error when the journal fails, and so do later ones', async () => {
  const journal = createMemoryJournal({ flush: 'manual' })
  const failures: SetteeError[] = []
  const { replica, machine } = await startReplica(journal, {
    onFailed: (error) => failures.push(error),
  })
  const outcomes = Promise.allSettled([1, 2].map((amount) => replica.proposeAsync(deposit(amount))))
  journal.fail()
  const late = Promise.allSettled([replica.proposeAsync(deposit(3))])
  for (const outcome of [...(await outcomes), ...(await late)]) {
    assert.equal(outcome.status, 'rejected')
    assert.equal((outcome.reason as SetteeError).code, 'SETTEE_JOURNAL_FAILED')
  }
  assert.equal(failures.length, 1)
  assert.equal(replica.state, 'failed')
  assert.deepEqual(machine.applied, [])
})

test('a machine that throws fails the replica: nothing is applied behind the defect', async () => {
  const journal = createMemoryJournal()
  const failures: SetteeError[] = []
  const { replica, machine } = await startReplica(journal, {
    onFailed: (error) => failures.push(error),
  })
  const outcomes = await Promise.allSettled([
    replica.proposeAsync(deposit(1)),
    replica.proposeAsync(deposit(2, 'broken')),
    replica.proposeAsync(deposit(3)),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['fulfilled', 'rejected', 'rejected'],
  )
  assert.deepEqual(machine.applied, [1])
  assert.deepEqual(
    failures.map((error) => error.code),
    ['SETTEE_JOURNAL_APPLY_FAILED'],
  )
  journal.crash()
  await assert.rejects(startReplica(journal), {
    code: 'SETTEE_JOURNAL_APPLY_FAILED',
    message: /record 2 cannot be applied again: a defect/,
  })
})

test('beyond maxPending, and on a full journal, commands are refused as retryable', async () => {
  const journal = createMemoryJournal({ flush: 'manual' })
  const { replica } = await startReplica(journal, { maxPending: 2 })
  const kept = [replica.proposeAsync(deposit(1)), replica.proposeAsync(deposit(1))]
  const busy = { code: 'SETTEE_JOURNAL_BUSY', retryable: true }
  await assert.rejects(replica.proposeAsync(deposit(1)), busy)
  journal.flush()
  assert.deepEqual(await Promise.all(kept), [1, 2])

  journal.setFull(true)
  assert.equal(replica.state, 'full')
  const full = { code: 'SETTEE_JOURNAL_FULL', retryable: true }
  await assert.rejects(replica.proposeAsync(deposit(1)), full)
  const finishing = replica.proposeAsync(deposit(7), { reserve: true })
  journal.flush()
  assert.equal(await finishing, 9)
})

test('an answer may propose at once, and stop answers what is pending before it ends', async () => {
  const journal = createMemoryJournal({ flush: 'manual' })
  const { replica, machine } = await startReplica(journal)
  const answers: (number | undefined)[] = []
  replica.propose(deposit(1), () => {
    replica.propose(deposit(2), (_error, balance) => answers.push(balance))
  })
  journal.flush()
  assert.deepEqual(answers, [])
  await replica.stop()
  assert.deepEqual(answers, [3])
  await assert.rejects(replica.proposeAsync(deposit(4)), { code: 'SETTEE_JOURNAL_CLOSED' })
  assert.deepEqual(machine.applied, [1, 2])
  await replica.stop()
})

test('a snapshot that fails is tried again after a pause, and nobody else notices', async () => {
  const journal = createMemoryJournal()
  const clock = createManualClock()
  const { replica } = await startReplica(journal, { snapshotEveryBytes: 1, clock })
  const save = journal.saveSnapshot.bind(journal)
  journal.saveSnapshot = () => Promise.reject(new Error('no space'))
  await replica.proposeAsync(deposit(1))
  await replica.proposeAsync(deposit(1))
  assert.match(replica.stats().snapshotError!.message, /no space/)
  journal.saveSnapshot = save
  await replica.proposeAsync(deposit(1))
  assert.equal(replica.stats().snapshotCount, 0)
  clock.advance(1000)
  await replica.proposeAsync(deposit(1))
  await Promise.resolve()
  assert.equal(replica.stats().snapshotCount, 1)
  assert.equal(replica.stats().snapshotError, undefined)
})

test('verifyCodec finds a command that would be another one after a restart', async () => {
  const { replica } = await startReplica(createMemoryJournal())
  assert.throws(() => replica.propose(deposit(0.5), () => undefined), /another command/)
})
