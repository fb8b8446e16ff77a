import assert from 'node:assert/strict'
import { test } from 'node:test'
import { responseStatus, responseStatusName } from './index.ts'

test('every status has its name, and an unknown one its number', () => {
  for (const [name, status] of Object.entries(responseStatus)) {
    assert.equal(responseStatusName(status), name)
  }
  assert.equal(responseStatusName(0x0a), 'STATUS_0x0a')
})
