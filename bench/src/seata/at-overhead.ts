/**
 * What AT mode costs the application: one UPDATE of one row in a global transaction of its own,
 * against the same UPDATE on the bare driver. CPU time is that of the application's process. The
 * database does not flush, so that the share of AT mode is not hidden behind the disk.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import { createTx, mysqlUndoLogDdl, postgresUndoLogDdl } from '@settee/tx'
import { startTestMariadb } from '../../../packages/tx/src/client/at/mysql/test-mariadb.ts'
import { startTestPostgres } from '../../../packages/tx/src/client/at/postgres/test-postgres.ts'
import {
  fromAsync,
  measure,
  startProcess,
  type BenchOptions,
  type BenchProcess,
  type Report,
} from '../harness.ts'
import manifest from '../../package.json' with { type: 'json' }

const rowCount = 100_000
/** More connections than operations, so that nobody waits for one. */
const poolSize = 24

const ours = { system: 'settee', version: manifest.version, ours: true } as const

/** One database with the driver bare and under global transactions. */
interface Subject {
  readonly database: string
  readonly driver: string
  readonly driverVersion: string
  /** One UPDATE of the row `id` on the bare driver. */
  bare(id: number): Promise<unknown>
  /** The same in a global transaction. */
  inTransaction(id: number): Promise<unknown>
  /** The statements that `work` sends to the database. */
  statementsOf(work: () => Promise<unknown>): Promise<string[]>
  close(): Promise<void>
}

export async function measureAtOverhead(report: Report, options: BenchOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'settee-bench-at-'))
  const coordinator = await startProcess(new URL('../tx/coordinator-process.ts', import.meta.url), [
    folder,
  ])
  try {
    await measureEmpty(report, options, coordinator)
    for (const open of [openPostgres, openMariadb]) {
      const subject = await open(coordinator)
      try {
        await measureSubject(report, options, subject)
      } finally {
        await subject.close()
      }
    }
  } finally {
    await coordinator.stop()
    await rm(folder, { recursive: true })
  }
}

/** A global transaction with nothing in it. */
async function measureEmpty(
  report: Report,
  options: BenchOptions,
  coordinator: BenchProcess,
): Promise<void> {
  const tx = createTx({ applicationId: 'bench', address: String(coordinator.ready) })
  const start = fromAsync(() => tx.run({ name: 'bench' }, () => {}))
  try {
    for (const inFlight of [1, 16]) {
      report.add({
        case: `no UPDATE, ${inFlight} in flight`,
        ...ours,
        figures: await measure({ inFlight, start }, options),
      })
    }
  } finally {
    await tx.close()
  }
}

async function measureSubject(
  report: Report,
  options: BenchOptions,
  subject: Subject,
): Promise<void> {
  let id = 0
  const nextId = (): number => (id = (id % rowCount) + 1)
  for (const inFlight of [1, 16]) {
    const name = `1 UPDATE on ${subject.database}, ${inFlight} in flight`
    const transaction = fromAsync(() => subject.inTransaction(nextId()))
    const bare = fromAsync(() => subject.bare(nextId()))
    report.add({
      case: name,
      ...ours,
      figures: await measure({ inFlight, start: transaction }, options),
    })
    report.add({
      case: name,
      system: subject.driver,
      version: subject.driverVersion,
      ours: false,
      figures: await measure({ inFlight, start: bare }, options),
    })
  }
  const statements = await subject.statementsOf(() => subject.inTransaction(nextId()))
  console.log(`1 UPDATE on ${subject.database} in AT mode is ${statements.length} statements:`)
  for (const statement of statements) {
    const line = statement.replaceAll(/\s+/g, ' ')
    console.log(line.length > 100 ? `  ${line.slice(0, 100)}… (${line.length})` : `  ${line}`)
  }
}

async function openPostgres(coordinator: BenchProcess): Promise<Subject> {
  const server = await startTestPostgres()
  const pool = await server.createPool('bench', { max: poolSize })
  await pool.query(postgresUndoLogDdl())
  await pool.query('CREATE TABLE account (id int PRIMARY KEY, owner text, money int NOT NULL)')
  await pool.query(
    `INSERT INTO account SELECT i, 'owner ' || i, 100 FROM generate_series(1, ${rowCount}) AS i`,
  )
  const tx = createTx({ applicationId: 'bench', address: String(coordinator.ready) })
  const at = tx.at(server.openPool('bench', { max: poolSize }))
  const text = 'UPDATE account SET money = money + 1 WHERE id = $1'
  return {
    database: 'PostgreSQL',
    driver: 'pg',
    driverVersion: 'bare',
    bare: (id) => pool.query(text, [id]),
    inTransaction: (id) => tx.run({ name: 'bench' }, () => at.query(text, [id])),
    async statementsOf(work) {
      const { Client } = pool as unknown as { Client: { prototype: { query: unknown } } }
      return collectStatements(Client.prototype, work)
    },
    async close() {
      await tx.close()
      await server.stop()
    },
  }
}

async function openMariadb(coordinator: BenchProcess): Promise<Subject> {
  const server = await startTestMariadb()
  await server.createDatabase('bench')
  const { host, port, user, password } = server
  const createPool = (): mysql.Pool =>
    mysql.createPool({ host, port, user, password, database: 'bench', connectionLimit: poolSize })
  const pool = createPool()
  await pool.query(mysqlUndoLogDdl())
  await pool.query('CREATE TABLE account (id int PRIMARY KEY, owner text, money int NOT NULL)')
  await pool.query(
    `INSERT INTO account SELECT seq, CONCAT('owner ', seq), 100 FROM seq_1_to_${rowCount}`,
  )
  const tx = createTx({ applicationId: 'bench', address: String(coordinator.ready) })
  const at = tx.at(createPool())
  const text = 'UPDATE account SET money = money + 1 WHERE id = ?'
  return {
    database: 'MariaDB',
    driver: 'mysql2',
    driverVersion: 'bare',
    bare: (id) => pool.query(text, [id]),
    inTransaction: (id) => tx.run({ name: 'bench' }, () => at.query(text, [id])),
    /** AT mode's own statements go past the API of the driver, so that the server is asked. */
    async statementsOf(work) {
      await pool.query("SET GLOBAL log_output = 'TABLE'")
      await pool.query('SET GLOBAL general_log = ON')
      try {
        await work()
      } finally {
        await pool.query('SET GLOBAL general_log = OFF')
      }
      const [rows] = await pool.query<mysql.RowDataPacket[]>(
        `SELECT CONVERT(argument USING utf8mb4) AS statement FROM mysql.general_log
           WHERE command_type = 'Query' AND argument NOT LIKE 'SET GLOBAL%'`,
      )
      return rows.map(({ statement }) => String(statement))
    },
    async close() {
      await tx.close()
      await Promise.all([pool.end(), at.end()])
      await server.stop()
    },
  }
}

/** Listens in on `query` of the driver's connections while `work` runs. */
async function collectStatements(
  prototype: { query: unknown },
  work: () => Promise<unknown>,
): Promise<string[]> {
  const statements: string[] = []
  const query = prototype.query as (...given: unknown[]) => unknown
  prototype.query = function (this: unknown, ...given: unknown[]): unknown {
    const [first] = given
    statements.push(typeof first === 'string' ? first : (first as { text: string }).text)
    return query.apply(this, given)
  }
  try {
    await work()
  } finally {
    prototype.query = query
  }
  return statements
}
