import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeStatements } from './statement-text.ts'

it('a branch is described by kinds and tables, each once, and not at any length', () => {
  const update = { sqlType: 'UPDATE', tableName: 'account' } as const
  const insert = { sqlType: 'INSERT', tableName: 'ledger' } as const
  assert.equal(describeStatements([update, insert, update]), 'UPDATE account, INSERT ledger')
  const many = Array.from({ length: 90 }, (_, i) => ({ ...update, tableName: `table_${i}` }))
  assert.match(describeStatements(many), /^UPDATE table_0, .*…$/)
  assert.equal(describeStatements(many).length, 201)
})
