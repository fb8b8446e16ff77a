/**
 * The acid test of the undo logs: one process makes changes to a column of each type and dies; the
 * other one rolls them back. A type that a release of Java cannot roll back itself cannot be asked
 * of it, so Java first undoes its own changes.
 */
import assert from 'node:assert/strict'
import { eventually, type CheckGroup } from '../harness-report.ts'
import type { TestDatabase } from '../harness-databases.ts'
import type { JavaSession } from '../java-clients/java-client.ts'
import {
  changesOf,
  columnCases,
  createColumnTable,
  rowsOf,
  type ColumnCase,
} from './column-cases.ts'
import type { MixedScene } from './scene.ts'

interface Open {
  readonly column: ColumnCase
  readonly table: string
  readonly xid: string
  readonly before: readonly string[]
}

interface Outcome {
  readonly column: ColumnCase
  readonly failure: string
}

export async function checkColumns(
  group: CheckGroup,
  scene: MixedScene,
  database: TestDatabase,
): Promise<void> {
  const cases = columnCases[database.kind]
  let asked: readonly ColumnCase[] = []
  await group.check(
    'Java rolls back its own changes',
    async () => {
      const session = scene.java.session('columns')
      const opened = await open(scene, database, 'own', session)
      const failed = await outcomesOf(database, opened, scene)
      const undone = opened.filter(({ column }) => failed.every((other) => other.column !== column))
      asked = undone.map(({ column }) => column)
      return `not of ${listOf(cases.filter((column) => !asked.includes(column)))}`
    },
    180_000,
  )
  await group.check(
    'Java rolls back what a TypeScript process did that has died',
    async () => {
      const opened = await open(scene, database, 'ts', undefined, asked)
      await scene.killService()
      const failed = await outcomesOf(database, opened, scene).finally(() => scene.startService())
      assert.deepEqual(failed.map(nameFailure), [])
      return `${opened.length} types`
    },
    180_000,
  )
  await group.check(
    'TypeScript rolls back what a Java process did that has died',
    async () => {
      const session = scene.java.session('columns')
      const opened = await open(scene, database, 'java', session, asked)
      await scene.killJava()
      const failed = await outcomesOf(database, opened, scene).finally(() => scene.startJava())
      assert.deepEqual(failed.map(nameFailure), [])
      return `${opened.length} types`
    },
    180_000,
  )
}

/** Changes a table of each type in a transaction of its own, which stays open. */
async function open(
  scene: MixedScene,
  database: TestDatabase,
  prefix: string,
  session: JavaSession | undefined,
  cases: readonly ColumnCase[] = columnCases[database.kind],
): Promise<Open[]> {
  const opened: Open[] = []
  for (const [i, column] of cases.entries()) {
    const table = `${prefix}_${i}`
    await createColumnTable(database, table, column)
    const before = await rowsOf(database, table)
    const xid = await scene.begin()
    const changes = changesOf(table, column)
    try {
      if (session === undefined) await scene.join(xid, database, changes)
      else {
        await session.request('bind', { xid })
        await session.sql(database, changes).finally(() => session.request('unbind'))
      }
      opened.push({ column, table, xid, before })
    } catch (error) {
      if (session === undefined) throw new Error(`phase one of ${column.type}`, { cause: error })
      // Java cannot write an undo log of such a value: there is nothing to roll back.
      await scene.rollBack(xid)
    }
  }
  return opened
}

/** Rolls all back and returns what did not come back as it was. */
async function outcomesOf(
  database: TestDatabase,
  opened: readonly Open[],
  scene: MixedScene,
): Promise<Outcome[]> {
  const failed: Outcome[] = []
  for (const { column, table, xid, before } of opened) {
    const status = await scene.rollBack(xid).catch((error: unknown) => String(error))
    try {
      await eventually(
        `rows of ${table} as they were`,
        async () => String(await rowsOf(database, table)) === String(before),
        status === 'Rollbacked' ? 100 : 3000,
      )
    } catch {
      const now = await rowsOf(database, table)
      failed.push({ column, failure: `${status}: ${now.join(' ')} instead of ${before.join(' ')}` })
    }
  }
  return failed
}

function nameFailure({ column, failure }: Outcome): string {
  return `${column.type}: ${failure}`
}

function listOf(columns: readonly ColumnCase[]): string {
  return columns.length === 0 ? 'none' : columns.map(({ type }) => type).join(', ')
}
