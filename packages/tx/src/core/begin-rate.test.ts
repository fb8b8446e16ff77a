import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ExceptionCode } from '../protocol/status.ts'
import { BeginRate } from './begin-rate.ts'

it('transactions may begin as often as the limit says, on average over a second', () => {
  const rate = new BeginRate(10)
  const countAt = (now: number): number =>
    Array.from({ length: 20 }, () => rate.refusalOf('x', now)).filter((refusal) => refusal === null)
      .length
  assert.equal(countAt(1000), 10)
  assert.equal(countAt(1000), 0)
  assert.equal(countAt(1300), 3)
  assert.equal(countAt(9000), 10)
  const refusal = rate.refusalOf('x', 9000)
  assert.equal(refusal?.code, ExceptionCode.BeginFailed)
  assert.match(refusal.explanation, /^10 transactions began .* maxBeginsPerSecond/)
})
