import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { restoreSnapshot } from './snapshot.ts'
import { Scenario } from './test-fixtures.ts'

describe('a snapshot that cannot be read', () => {
  for (const [name, text, why] of [
    ['is no JSON', 'x', /cannot be read: .*restore the data directory/],
    ['has another version', '{"version":1}', /its version is 1, this coordinator reads 3/],
    ['is null', 'null', /its version is undefined/],
  ] as const) {
    it(`because it ${name} is refused, and the state stays`, () => {
      const scenario = new Scenario()
      scenario.begin()
      const bytes = new TextEncoder().encode(text)
      assert.throws(() => restoreSnapshot(scenario.state, bytes), {
        code: 'SETTEE_TX_BAD_RECORD',
        message: why,
      })
      assert.equal(scenario.state.transactions.size, 1)
    })
  }
})
