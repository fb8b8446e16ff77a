import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepPropagation, type Propagation } from './propagation.ts'

const error = 'SETTEE_TX_PROPAGATION'
const cases: [propagation: Propagation, outside: string, inside: string][] = [
  ['REQUIRED', 'begin', 'stay'],
  ['REQUIRES_NEW', 'begin', 'begin'],
  ['NOT_SUPPORTED', 'stay', 'leave'],
  ['SUPPORTS', 'stay', 'stay'],
  ['NEVER', 'stay', error],
  ['MANDATORY', error, 'stay'],
]

for (const [propagation, outside, inside] of cases) {
  for (const [xid, step] of [
    [undefined, outside],
    ['127.0.0.1:8091:7', inside],
  ] as const) {
    test(`${propagation} ${xid === undefined ? 'outside' : 'inside'}: ${step}`, () => {
      const decide = (): string => stepPropagation(propagation, xid, 'purchase')
      if (step === error) assert.throws(decide, { code: error, message: /^"purchase" must/ })
      else assert.equal(decide(), step)
    })
  }
}
