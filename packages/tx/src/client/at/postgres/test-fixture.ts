/** A database with a resource, a wrapped pool and a coordinator, for the tests of this folder. */
import assert from 'node:assert/strict'
import { isSetteeError } from '@settee/kit'
import type pg from 'pg'
import type { Resource } from '../../resource.ts'
import type { AtPool } from './at-pool.ts'
import { MemoryCoordinator } from './test-coordinator.ts'
import { createPostgresResource, type PostgresResourceOptions } from './postgres-resource.ts'
import type { TestPostgres } from './test-postgres.ts'
import type { DirtyReport } from '../dirty-report.ts'
import { postgresUndoLogDdl } from './undo-table.ts'

export interface Fixture {
  /** The application's pool without AT mode, for looking from outside. */
  readonly plain: pg.Pool
  readonly pool: AtPool<pg.Pool>
  readonly resource: Resource
  readonly coordinator: MemoryCoordinator
  readonly dirty: DirtyReport[]
  /** All rows of a table as the server prints them, in an order of their own. */
  dump(table: string): Promise<unknown[]>
  undoCount(): Promise<number>
}

let databaseCount = 0

/** A fresh database with the given tables. */
export async function createFixture(
  server: TestPostgres,
  schema: string,
  {
    wrap = (pool) => pool,
    ...options
  }: Partial<PostgresResourceOptions<pg.Pool>> & { wrap?: (pool: pg.Pool) => pg.Pool } = {},
): Promise<Fixture> {
  const plain = await server.createPool(`at_${++databaseCount}`)
  await plain.query(`${postgresUndoLogDdl()}\n${schema}`)
  const coordinator = new MemoryCoordinator()
  const dirty: DirtyReport[] = []
  const { pool, resource } = createPostgresResource({
    pool: wrap(plain),
    port: coordinator,
    onDirty: (report) => dirty.push(report),
    ...options,
  })
  coordinator.add(resource)
  return {
    plain,
    pool,
    resource,
    coordinator,
    dirty,
    async dump(table) {
      const { rows } = await plain.query(`SELECT t::text AS row FROM ${table} AS t ORDER BY 1`)
      return rows
    },
    async undoCount() {
      const { rows } = await plain.query('SELECT count(*)::int AS count FROM undo_log')
      return (rows as { count: number }[])[0]!.count
    },
  }
}

/** Waits for a condition that an event of another task brings about. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  assert.fail('the condition never came true')
}

export function isRefused(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isSetteeError(error, 'SETTEE_TX_UNSUPPORTED_SQL'), String(error))
    assert.match(error.message, message)
    return true
  }
}

export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Error && 'code' in error && error.code === code
}
