/** The tables of the forms in SQLite: under AT mode, and a twin without. */
import { DatabaseSync } from 'node:sqlite'
import { MemoryCoordinator } from '../../src/client/at/postgres/test-coordinator.ts'
import type { SqliteQueries } from '../../src/client/at/sqlite/sqlite-client.ts'
import type { SqlitePool } from '../../src/client/at/sqlite/sqlite-pool.ts'
import { createSqliteResource } from '../../src/client/at/sqlite/sqlite-resource.ts'
import { dump, undoRowCount } from '../../src/client/at/sqlite/test-database.ts'
import type { Step } from './form.ts'
import { sortRows, type FormDatabase, type Side } from './form-database.ts'
import { sharedRows, sharedTables } from './shared-tables.ts'

const schema = `
${sharedTables}
CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, note text);
CREATE TABLE serials (id INTEGER PRIMARY KEY, note text);
CREATE TABLE by_default (id int DEFAULT 7 NOT NULL PRIMARY KEY, note text);
CREATE TABLE by_uuid (id TEXT DEFAULT (lower(hex(randomblob(16)))) NOT NULL PRIMARY KEY, note text);
CREATE TABLE by_date (id text NOT NULL PRIMARY KEY, note text);
CREATE TABLE by_bytes (id BLOB NOT NULL PRIMARY KEY, note TEXT) STRICT;
CREATE TABLE by_float (id double NOT NULL PRIMARY KEY, note text);
CREATE TABLE by_nothing (id text PRIMARY KEY, note text);
CREATE TABLE computed (id int NOT NULL PRIMARY KEY, price int,
  total int GENERATED ALWAYS AS (price * 2) STORED);
CREATE TABLE documents (id INTEGER PRIMARY KEY, body text);
CREATE TABLE rowless (id INTEGER PRIMARY KEY, note text) WITHOUT ROWID;
CREATE TABLE noted (id INTEGER PRIMARY KEY, note text);
CREATE TABLE notes (id INTEGER PRIMARY KEY, note text);
CREATE TRIGGER copies_noted AFTER INSERT ON noted BEGIN
  INSERT INTO notes (note) VALUES (NEW.note); END;
CREATE TRIGGER copies AFTER INSERT ON watched BEGIN
  INSERT INTO keyless VALUES (NEW.note); END;
CREATE VIRTUAL TABLE search USING fts5(note);
CREATE VIEW seen AS SELECT * FROM account;
CREATE TRIGGER writes_seen INSTEAD OF UPDATE ON seen BEGIN
  UPDATE account SET money = NEW.money WHERE id = NEW.id; END;
CREATE TEMP TABLE scratch (id INTEGER PRIMARY KEY);
ATTACH ':memory:' AS other;
CREATE TABLE other.away (id INTEGER PRIMARY KEY);
`

const seed = `
${sharedRows}
INSERT INTO computed (id, price) VALUES (1, 10), (2, 20);
INSERT INTO documents VALUES (1, '{"a":1}');
INSERT INTO numbered (note) VALUES ('one'), ('two');
INSERT INTO rowless VALUES (1, 'one');
`

interface Opened {
  readonly database: DatabaseSync
  readonly pool: SqlitePool
}

export function openSqliteDatabase(): Promise<FormDatabase> {
  const coordinator = new MemoryCoordinator()
  let opened: Record<Side, Opened> | undefined

  function open(side: Side): Opened {
    const database = new DatabaseSync(':memory:')
    database.exec(`${schema}\n${seed}`)
    const { pool, resource } = createSqliteResource({
      database,
      port: coordinator,
      resourceId: `jdbc:sqlite:${side}`,
      lockWaitMs: 20,
    })
    if (side === 'at') coordinator.add(resource)
    return { database, pool }
  }

  async function close(): Promise<void> {
    await opened?.at.pool.end()
    await opened?.twin.pool.end()
  }

  return Promise.resolve({
    coordinator,
    async reset() {
      await close()
      opened = { at: open('at'), twin: open('twin') }
    },
    async run(side, steps) {
      const { pool } = opened![side]
      if (steps.length === 1) return [await answer(pool, steps[0]!)]
      const client = await pool.connect()
      try {
        const answers = []
        for (const step of steps) answers.push(await answer(client, step))
        return answers
      } finally {
        client.release()
        // The next caller comes when the client is really back.
        await pool.query('SELECT 1')
      }
    },
    dump: async (side) => [['all', dump(opened![side].database)]],
    objects: async () => opened!.at.database.prepare('SELECT name FROM sqlite_schema').all(),
    undoCount: async () => undoRowCount(opened!.at.database),
    stop: close,
  })
}

async function answer(target: SqliteQueries, step: Step): Promise<unknown> {
  const query = typeof step === 'string' ? { text: step } : step
  if ('batch' in query) throw new Error('node:sqlite has no batches')
  const { rows, rowCount, fields } = await target.query(
    query.text,
    'values' in query ? query.values : [],
  )
  return { rows: sortRows(rows), rowCount, fields }
}
