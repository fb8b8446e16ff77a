import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Overview, TimelineEntry, TransactionDetail } from '../src/api.ts'
import { takeSnapshot, type Scenario } from '../test/fixtures.ts'
import { explainHealth, explainOutcome, explainSettling, nameActor } from './explain.ts'
import { createFormat } from './format.ts'
import { createTranslate } from './i18n/translate.ts'

const now = new Date(2026, 10, 21, 12, 1, 45).getTime()
const t = createTranslate('en')
const format = createFormat('en', t)

const overviewOf = (scenario: Scenario): Overview => takeSnapshot(scenario, now).overview
const health = (overview: Overview) => explainHealth(overview, t, format)

function transaction(scenario: Scenario, status: string): TransactionDetail {
  const found = takeSnapshot(scenario, now).transactions.find((one) => one.status === status)
  assert.ok(found, `no fixture has the status ${status}`)
  return found
}
const outcome = (one: TransactionDetail): string => explainOutcome(one, now, t, format)

test('nothing to do and nothing wrong: all is settled', () => {
  const { level, sentence } = health(overviewOf('empty'))
  assert.equal(level, 'fine')
  assert.equal(sentence, 'All transactions are settled')
})

test('work in progress is fine', () => {
  assert.equal(health(overviewOf('calm')).sentence, 'All is well; 1 transaction is running')
})

test('who is waited for and since when is the sentence', () => {
  const { level, sentence, notes } = health(overviewOf('waiting'))
  assert.equal(level, 'waiting')
  assert.equal(sentence, '3 transactions wait for shop-account since 12:01:07')
  assert.ok(notes.includes('2 branches wait for a global lock'))
})

test('what a person must look at comes before what only waits', () => {
  const { waits, ...overview } = overviewOf('waiting')
  const transactions = { ...overview.transactions, failedCount: 1 }
  const { level, sentence, notes } = health({ ...overview, waits, transactions })
  assert.equal(level, 'failed')
  assert.equal(sentence, '1 transaction needs a person')
  assert.ok(notes.includes('3 transactions wait for shop-account since 12:01:07'))
})

test('retries without a named target still show', () => {
  const { sentence } = health({ ...overviewOf('waiting'), waits: [] })
  assert.equal(sentence, '3 transactions are being retried')
})

test('the end says who, after how long and why', () => {
  assert.equal(
    outcome(transaction('calm', 'Rollbacked')),
    'Rolled back by shop-order after 132 ms: not enough money',
  )
  assert.equal(outcome(transaction('calm', 'Committed')), 'Committed by shop-order after 71 ms')
})

test('the same end in Chinese', () => {
  const chinese = createTranslate('zh')
  assert.equal(
    explainOutcome(transaction('calm', 'Rollbacked'), now, chinese, createFormat('zh', chinese)),
    '132 毫秒后由 shop-order 回滚：not enough money',
  )
})

test('a timeout is the doing of the coordinator, and a slow phase two is told apart', () => {
  const timedOut = transaction('calm', 'TimeoutRollbacked')
  assert.equal(outcome(timedOut), 'Rolled back by the coordinator: it was not finished within 10 s')
  assert.equal(explainSettling(timedOut, t, format), 'The last branch answered after 13 s.')
  assert.equal(explainSettling(transaction('calm', 'Committed'), t, format), null)
})

test('while phase two runs, the decision is the sentence', () => {
  assert.equal(
    outcome(transaction('waiting', 'RollbackRetrying')),
    'shop-order asked for the rollback after 812 ms: account service did not answer in time',
  )
})

test('a failed one says why a person is needed', () => {
  assert.match(
    outcome(transaction('failed', 'RollbackFailed')),
    /^Stopped after 204 ms; a person must look at it: stock_item id=42 was changed outside/,
  )
})

test('a running one says what is left, and when nothing is left', () => {
  const running = transaction('calm', 'Begin')
  assert.equal(outcome(running), 'Running for 3 s; rolled back if not finished in 8 s')
  assert.match(outcome({ ...running, timeoutMs: 100 }), /the timeout has passed/)
})

test('who decides first stands, whoever asks later', () => {
  const ended = transaction('calm', 'Rollbacked')
  const late: TimelineEntry = {
    at: now,
    kind: 'commitRequested',
    branchId: null,
    actor: 'late:1.2.3.4:5',
    status: null,
    reason: '',
  }
  assert.match(outcome({ ...ended, timeline: [...ended.timeline, late] }), /by shop-order/)
})

test('an end whose timeline was cut is still a sentence', () => {
  const ended = { ...transaction('calm', 'Committed'), timeline: [] }
  assert.equal(outcome(ended), 'Committed by an unknown client after 96 ms')
})

test('actors are named by their application', () => {
  assert.equal(nameActor('shop-order:10.0.0.1:5000', t), 'shop-order')
  assert.equal(nameActor('coordinator', t), 'the coordinator')
  assert.equal(nameActor('', t), 'an unknown client')
})
