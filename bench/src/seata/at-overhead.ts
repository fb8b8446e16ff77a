/**
 * What AT mode costs the application: one UPDATE of one row in a global transaction of its own,
 * against the same UPDATE on the bare driver. CPU time is that of the application's process. The
 * database does not flush, so that the share of AT mode is not hidden behind the disk.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTx, postgresUndoLogDdl } from '@settee/tx'
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

/** One database with the driver bare and under global transactions. */
interface Subject {
  readonly database: string
  readonly driver: string
  readonly driverVersion: string
  /** One UPDATE of the row `id` on the bare driver. */
  bare(id: number): Promise<unknown>
  /** The same in a global transaction. */
  inTransaction(id: number): Promise<unknown>
  /** A global transaction with nothing in it. */
  readonly emptyTransaction: () => Promise<unknown>
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
    const subject = await openPostgres(coordinator)
    try {
      await measureSubject(report, options, subject)
    } finally {
      await subject.close()
    }
  } finally {
    await coordinator.stop()
    await rm(folder, { recursive: true })
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
    const ours = { system: 'settee', version: manifest.version, ours: true }
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
    report.add({
      case: `no UPDATE, ${inFlight} in flight`,
      ...ours,
      figures: await measure({ inFlight, start: fromAsync(subject.emptyTransaction) }, options),
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
    emptyTransaction: () => tx.run({ name: 'bench' }, () => {}),
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
