/**
 * Databases for the tests of this folder, and their content as text to compare.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { FakeCoordinator } from './test-coordinator.ts'
import type { SqlitePool } from './sqlite-pool.ts'
import { createSqliteResource, type SqliteResourceOptions } from './sqlite-resource.ts'
import type { Resource } from '../../resource.ts'

export interface TestDatabase {
  readonly database: DatabaseSync
  readonly coordinator: FakeCoordinator
  readonly pool: SqlitePool
  readonly resource: Resource
}

/** Path of a database file that is removed when the test ends. */
export function temporaryFile(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'settee-sqlite-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'test.db')
}

/** Opens `path` with the tables of `schema`; closed when the test ends. */
export function openTestDatabase(
  t: TestContext,
  schema: string,
  options: Partial<SqliteResourceOptions> & { readonly path?: string } = {},
): TestDatabase {
  const { path = ':memory:', ...rest } = options
  const database = new DatabaseSync(path)
  database.exec(schema)
  const coordinator = new FakeCoordinator()
  const { pool, resource } = createSqliteResource({
    database,
    port: coordinator,
    ...(path === ':memory:' ? { resourceId: 'jdbc:sqlite:test' } : {}),
    ...rest,
  })
  coordinator.addResource(resource)
  t.after(() => pool.end())
  return { database, coordinator, pool, resource }
}

/** All tables, triggers and rows, each value with its type; undo_log left out. */
export function dump(database: DatabaseSync): string {
  const lines: string[] = []
  const objects = database
    .prepare(`SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'
      AND tbl_name <> 'undo_log' ORDER BY type, name`)
    .all()
  for (const { type, name, sql } of objects) {
    lines.push(`${String(sql)}`)
    if (type === 'table') lines.push(...dumpTable(database, String(name)))
  }
  return lines.join('\n')
}

function dumpTable(database: DatabaseSync, table: string): string[] {
  const names = database
    .prepare('SELECT name FROM pragma_table_xinfo(?)')
    .all(table)
    .map(({ name }) => `"${String(name)}"`)
  const columns = names.map(
    (name) =>
      `typeof(${name}) || ' ' || CASE typeof(${name}) WHEN 'real' THEN format('%!.20g', ${name}) ` +
      `WHEN 'text' THEN hex(${name}) ELSE quote(${name}) END`,
  )
  const sql = `SELECT ${columns.join(` || ' | ' || `)} AS line FROM "${table}" ORDER BY 1`
  return database
    .prepare(sql)
    .all()
    .map(({ line }) => `  ${String(line)}`)
}

/** Rows of undo_log. */
export function undoRowCount(database: DatabaseSync): number {
  return Number(database.prepare('SELECT count(*) AS n FROM undo_log').get()!['n'])
}
