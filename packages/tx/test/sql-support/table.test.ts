import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { absent, dialects } from './form.ts'
import { formGroups } from './forms.ts'
import { page, pageUrl } from './write-table.ts'

test('docs/sql-support.md is what the list of forms says', () => {
  const hint = 'run node packages/tx/test/sql-support/write-table.ts'
  assert.equal(readFileSync(pageUrl, 'utf8'), page, hint)
})

test('each form has its own name and is something in at least one dialect', () => {
  for (const { title, forms } of formGroups) {
    assert.equal(new Set(forms.map(({ name }) => name)).size, forms.length, title)
    for (const form of forms) {
      const cells = dialects.map((dialect) => form[dialect])
      assert.ok(!cells.every((cell) => cell === absent), form.name)
    }
  }
})
