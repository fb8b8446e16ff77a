/** The tables of the forms in MariaDB: under AT mode, and a twin without. */
import * as mariadb from 'mariadb'
import mysql, { type Pool, type PoolConnection } from 'mysql2/promise'
import { MemoryCoordinator } from '../../src/client/at/postgres/test-coordinator.ts'
import { createMysqlResource } from '../../src/client/at/mysql/mysql-resource.ts'
import { startTestMariadb, type TestMariadb } from '../../src/client/at/mysql/test-mariadb.ts'
import { mysqlUndoLogDdl } from '../../src/client/at/mysql/undo-table.ts'
import type { Step } from './form.ts'
import { plainOf, sortRows, type FormDatabase, type Side, type TableRows } from './form-database.ts'
import { sharedRows, sharedTables } from './shared-tables.ts'

const schema = `
${sharedTables}
CREATE SEQUENCE ticket;
CREATE TABLE numbered (id int AUTO_INCREMENT PRIMARY KEY, note varchar(20));
CREATE TABLE serials (id serial PRIMARY KEY, note varchar(20));
CREATE TABLE sequenced (id bigint DEFAULT NEXT VALUE FOR ticket PRIMARY KEY, note varchar(20));
CREATE TABLE by_default (id int DEFAULT 7 PRIMARY KEY, note varchar(20));
CREATE TABLE by_uuid (id char(36) DEFAULT (UUID()) PRIMARY KEY, note varchar(20));
CREATE TABLE by_date (id date PRIMARY KEY, note varchar(20));
CREATE TABLE by_bytes (id varbinary(16) PRIMARY KEY, note varchar(20));
CREATE TABLE by_float (id double PRIMARY KEY, note varchar(20));
CREATE TABLE by_part (id varchar(50), note varchar(20), PRIMARY KEY (id(10)));
CREATE TABLE by_moment (id timestamp DEFAULT '2020-01-01' PRIMARY KEY, note varchar(20));
CREATE TABLE half_unique (id int PRIMARY KEY, note varchar(50), UNIQUE KEY beginning (note(5)));
CREATE TABLE computed (id int PRIMARY KEY, price int,
  total int GENERATED ALWAYS AS (price * 2) STORED);
CREATE TABLE documents (id int PRIMARY KEY, body json);
CREATE TABLE parted (id int PRIMARY KEY, note varchar(20)) PARTITION BY HASH (id) PARTITIONS 2;
CREATE TABLE isam (id int PRIMARY KEY, note varchar(20)) ENGINE = MyISAM;
CREATE TABLE in_memory (id int PRIMARY KEY, note varchar(20)) ENGINE = MEMORY;
CREATE TABLE versioned (id int PRIMARY KEY, note varchar(20)) WITH SYSTEM VERSIONING;
CREATE VIEW seen AS SELECT * FROM account;
CREATE TRIGGER copies AFTER INSERT ON watched FOR EACH ROW INSERT INTO keyless VALUES (NEW.note);
CREATE FUNCTION reads_seven() RETURNS int READS SQL DATA RETURN 7;
CREATE FUNCTION writes() RETURNS int MODIFIES SQL DATA
  BEGIN INSERT INTO keyless VALUES ('x'); RETURN 1; END;
CREATE PROCEDURE work() DELETE FROM account;
`

const seed = `
${sharedRows}
INSERT INTO computed (id, price) VALUES (1, 10), (2, 20);
INSERT INTO documents VALUES (1, '{"a": 1}');
INSERT INTO numbered (note) VALUES ('one'), ('two');
INSERT INTO parted VALUES (1, 'one'), (2, 'two');
INSERT INTO half_unique VALUES (1, 'one');
INSERT INTO isam VALUES (1, 'one');
INSERT INTO in_memory VALUES (1, 'one');
INSERT INTO versioned VALUES (1, 'one');
`

/** Tables whose numbers start anew only when they are emptied so; others are emptied faster. */
const numberedTables: ReadonlySet<string> = new Set(['numbered', 'serials'])

interface Pools {
  /** Under AT mode. */
  readonly pool: Pool
  readonly batches: mariadb.Pool
  /** The same database from outside. */
  readonly plain: Pool
  readonly twin: Pool
  readonly batchTwin: mariadb.Pool
}

export async function openMysqlDatabase(): Promise<FormDatabase> {
  const server = await startTestMariadb()
  const coordinator = new MemoryCoordinator()
  const pools = await openPools(server, coordinator)
  const { plain, twin } = pools
  const tables = await tablesOf(twin)
  const start = [
    'SET foreign_key_checks = 0',
    ...tables.map((name) => `${numberedTables.has(name) ? 'TRUNCATE' : 'DELETE FROM'} ${name}`),
    'ALTER SEQUENCE ticket RESTART',
    'SET foreign_key_checks = 1',
    seed,
  ].join(';\n')
  return {
    coordinator,
    async reset() {
      await Promise.all([plain.query(`DELETE FROM undo_log; ${start}`), twin.query(start)])
    },
    run: (side, steps) => runSteps(pools, side, steps),
    dump: (side) => dumpTables(side === 'twin' ? twin : plain, tables),
    async objects() {
      const [rows] = await plain.query('SHOW FULL TABLES')
      return rows
    },
    async undoCount() {
      const [rows] = await plain.query('SELECT COUNT(*) AS n FROM undo_log')
      return (rows as { n: number }[])[0]!.n
    },
    async stop() {
      await Promise.allSettled(Object.values(pools).map((pool: Pool | mariadb.Pool) => pool.end()))
      await server.stop()
    },
  }
}

async function openPools(server: TestMariadb, coordinator: MemoryCoordinator): Promise<Pools> {
  const { host, port, user, password } = server
  const optionsOf = (database: string) => ({
    host,
    port,
    user,
    password,
    database,
    multipleStatements: true,
  })
  for (const name of ['forms', 'twin']) await server.createDatabase(name)
  const plain = mysql.createPool(optionsOf('forms'))
  const twin = mysql.createPool(optionsOf('twin'))
  await plain.query(mysqlUndoLogDdl())
  for (const pool of [plain, twin]) await pool.query(schema)
  const { pool, resource } = createMysqlResource({
    pool: mysql.createPool(optionsOf('forms')),
    port: coordinator,
    lockWaitMs: 20,
  })
  coordinator.add(resource)
  const batches = createMysqlResource({
    pool: mariadb.createPool({ ...optionsOf('forms'), connectionLimit: 1 }),
    port: coordinator,
    database: 'forms',
    resourceId: resource.resourceId,
  }).pool
  const batchTwin = mariadb.createPool({ ...optionsOf('twin'), connectionLimit: 1 })
  return { pool, batches, plain, twin, batchTwin }
}

async function runSteps(
  { pool, batches, twin, batchTwin }: Pools,
  side: Side,
  steps: readonly Step[],
): Promise<readonly unknown[]> {
  const [first] = steps
  if (typeof first === 'object' && 'batch' in first) {
    const rows = first.batch.map((row) => [...row])
    const result: unknown = await (side === 'twin' ? batchTwin : batches).batch(first.text, rows)
    return [JSON.stringify(result, (_key, value: unknown) => plainOf(value))]
  }
  const target = side === 'twin' ? twin : pool
  if (steps.length === 1) return [await answer(target, first!)]
  const client = await target.getConnection()
  try {
    const answers = []
    for (const step of steps) answers.push(await answer(client, step))
    return answers
  } finally {
    await client.query('ROLLBACK').catch(() => {})
    client.destroy()
  }
}

async function tablesOf(pool: Pool): Promise<readonly string[]> {
  const [rows] = await pool.query(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
      AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY 1`,
  )
  return (rows as { name: string }[]).map(({ name }) => name)
}

async function dumpTables(pool: Pool, tables: readonly string[]): Promise<TableRows> {
  const sql = tables.map((name) => `SELECT * FROM ${name}`).join(';')
  // Buffers are the bytes as they are stored, whatever the type.
  const [results] = await pool.query({
    sql,
    rowsAsArray: true,
    typeCast: (field: mysql.TypeCastField) => field.buffer()?.toString('hex') ?? null,
  })
  return (results as unknown[][][]).flatMap((rows, i) =>
    rows
      .map((row) => JSON.stringify(row))
      .toSorted()
      .map((row): TableRows[number] => [tables[i]!, row]),
  )
}

async function answer(target: Pool | PoolConnection, step: Step): Promise<unknown> {
  if (typeof step === 'string') return plainAnswer((await target.query(step))[0])
  if ('batch' in step) throw new Error('a batch goes alone')
  return plainAnswer((await target.execute(step.text, [...step.values] as string[]))[0])
}

/** Rows in an order of their own; what the server says of changes, but not how it found them. */
function plainAnswer(result: unknown): unknown {
  if (Array.isArray(result)) {
    return result.some(isHeader) ? result.map(plainAnswer) : sortRows(result)
  }
  if (!isHeader(result)) return result
  const { serverStatus: _, ...rest } = result
  return rest
}

function isHeader(result: unknown): result is { readonly serverStatus: number } {
  return typeof result === 'object' && result !== null && 'serverStatus' in result
}
