/** SQLite compiles a statement again when the table has changed: then its columns are others. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openTestDatabase, temporaryFile } from '../../src/client/at/sqlite/test-database.ts'

const schema =
  "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES (1, 'a', 'b')"
const withoutA = [{ id: 1, b: 'b' }]

test('columns keep their values when the pool changes the table', async (context) => {
  const { pool } = openTestDatabase(context, schema, { path: temporaryFile(context) })
  await pool.query('SELECT * FROM t')
  await pool.query('ALTER TABLE t DROP COLUMN a')
  assert.deepEqual((await pool.query('SELECT * FROM t')).rows, withoutA)
})

test('columns keep their values when another process changes the table', async (context) => {
  const path = temporaryFile(context)
  const { pool } = openTestDatabase(context, schema, { path })
  const change = "UPDATE t SET b = 'b' RETURNING *"
  await pool.query(change)
  const other = new DatabaseSync(path)
  other.exec('ALTER TABLE t DROP COLUMN a')
  other.close()
  assert.deepEqual((await pool.query(change)).rows, withoutA)
})
