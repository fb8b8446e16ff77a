/** A database with a resource, its pool and a coordinator, for the tests of this folder. */
import mysql, { type Pool, type PoolOptions } from 'mysql2/promise'
import type { Resource } from '../../resource.ts'
import type { DirtyReport } from '../dirty-report.ts'
import { MemoryCoordinator } from '../postgres/test-coordinator.ts'
import { createMysqlResource, type MysqlResourceOptions } from './mysql-resource.ts'
import type { TestMariadb } from './test-mariadb.ts'
import { mysqlUndoLogDdl } from './undo-table.ts'

export interface Fixture {
  readonly database: string
  /** A pool without AT mode, for looking from outside. */
  readonly plain: Pool
  readonly pool: Pool
  readonly resource: Resource
  readonly coordinator: MemoryCoordinator
  readonly dirty: DirtyReport[]
  /** The rows of a query, all values as text. */
  rows(sql: string): Promise<unknown[]>
  undoCount(): Promise<number>
  close(): Promise<void>
}

let databaseCount = 0

/** A fresh database with the given tables. */
export async function createFixture(
  server: TestMariadb,
  schema: string,
  options: Partial<MysqlResourceOptions<Pool>> & { readonly poolOptions?: PoolOptions } = {},
): Promise<Fixture> {
  const database = `at_${process.pid}_${++databaseCount}`
  await server.createDatabase(database)
  const { host, port, user, password } = server
  const address = { host, port, user, password, database, multipleStatements: true }
  const plain = mysql.createPool({ ...address, dateStrings: true, supportBigNumbers: true })
  await plain.query(`${mysqlUndoLogDdl()};\n${schema}`)
  const coordinator = new MemoryCoordinator()
  const dirty: DirtyReport[] = []
  const { poolOptions, ...others } = options
  const { pool, resource } = createMysqlResource({
    pool: mysql.createPool({ ...address, ...poolOptions }),
    port: coordinator,
    onDirty: (report) => dirty.push(report),
    ...others,
  })
  coordinator.add(resource)
  return {
    database,
    plain,
    pool,
    resource,
    coordinator,
    dirty,
    async rows(sql) {
      const [rows] = await plain.query({ sql, rowsAsArray: true })
      return rows as unknown[]
    },
    async undoCount() {
      const [rows] = await plain.query('SELECT COUNT(*) AS count FROM undo_log')
      return (rows as { count: number }[])[0]!.count
    },
    async close() {
      await Promise.all([plain.end(), pool.end()])
    },
  }
}

export { hasCode, isRefused } from '../postgres/test-fixture.ts'
