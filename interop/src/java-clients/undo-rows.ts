/**
 * The undo rows that Java writes for every column type, and whether it can apply them. Each type is
 * tried in a table of its own; those that survive are then captured together in one wide table.
 */
import type { TestDatabase } from '../harness-databases.ts'
import { JavaError } from '../harness-java.ts'
import { columnTypes, createOwnTypes, type ColumnType } from './column-types.ts'
import type { JavaSession } from './java-client.ts'
import type { Scene } from './scene.ts'

/** An undo_log row; ids are replaced by fixed ones so that each capture gives the same. */
export interface CapturedRow {
  readonly title: string
  /** Types of the columns beside the key, by name. */
  readonly columns: Readonly<Record<string, string>>
  readonly context: string
  /** JSON; base64 when the context names a compressor. */
  readonly rollbackInfo: string
}

export interface CapturedUndo {
  readonly rows: readonly CapturedRow[]
  /** What the original cannot roll back: type and reason. */
  readonly failures: Readonly<Record<string, string>>
}

interface Attempt {
  readonly rows: readonly CapturedRow[]
  /** '' when every row is again as it was. */
  readonly failure: string
}

/** The id of the transaction and of its branches in captured rows. */
const fixedXid = '127.0.0.1:8091:5521000000000000001'
const fixedBranchId = '5521000000000000002'

export async function captureUndo(scene: Scene, database: TestDatabase): Promise<CapturedUndo> {
  await createOwnTypes(database)
  const session = scene.client.session('types')
  const failures: Record<string, string> = {}
  const failed: CapturedRow[] = []
  const surviving: ColumnType[] = []
  for (const [index, type] of columnTypes[database.kind].entries()) {
    const table = await createTable(database, `type_${index}`, [type])
    const { rows, failure } = await changeAndRollBack(session, database, table)
    if (failure === '') {
      surviving.push(type)
      continue
    }
    failures[type.type] = failure
    for (const row of rows) failed.push({ ...row, title: `${row.title} of ${type.type}` })
  }
  const wide = await createTable(database, 'wide', surviving)
  const { rows, failure } = await changeAndRollBack(session, database, wide)
  if (failure !== '') failures['all the others together'] = failure
  const big = await captureBig(session, database)
  return { rows: [...rows, ...failed, ...big], failures }
}

interface Table {
  readonly name: string
  readonly types: readonly ColumnType[]
}

/** Rows 1 and 2 with values, row 3 of nulls. */
async function createTable(
  database: TestDatabase,
  name: string,
  types: readonly ColumnType[],
): Promise<Table> {
  const columns = types.map(({ type }, i) => `c${i} ${type}`)
  await database.query(`CREATE TABLE ${name} (id INT PRIMARY KEY, ${columns.join(', ')})`)
  const values = types.map(({ before }) => before).join(', ')
  await database.query(`INSERT INTO ${name} VALUES (1, ${values}), (2, ${values})`)
  await database.query(`INSERT INTO ${name} (id) VALUES (3)`)
  return { name, types }
}

/** One branch each for an INSERT, an UPDATE and a DELETE, all undone. */
async function changeAndRollBack(
  session: JavaSession,
  database: TestDatabase,
  { name, types }: Table,
): Promise<Attempt> {
  const names = types.map((_, i) => `c${i}`).join(', ')
  const values = types.map(({ before }) => before).join(', ')
  const changes = types.map(({ after }, i) => `c${i} = ${after}`).join(', ')
  const before = await dump(database, name, types.length)
  const xid = await session.begin()
  let failure = ''
  try {
    await session.sql(database, [`INSERT INTO ${name} (id, ${names}) VALUES (4, ${values})`])
    await session.sql(database, [`UPDATE ${name} SET ${changes} WHERE id IN (1, 3)`])
    await session.sql(database, [`DELETE FROM ${name} WHERE id = 2`])
  } catch (error) {
    failure = `phase one: ${reasonOf(error)}`
  }
  const columns = Object.fromEntries(types.map(({ type }, i) => [`c${i}`, type]))
  const rows = await undoRowsOf(database, xid, { titles: ['INSERT', 'UPDATE', 'DELETE'], columns })
  const status = await session.rollback()
  if (failure === '' && status !== 'Rollbacked') failure = `rollback: ${status}`
  if (failure === '') failure = differenceOf(before, await dump(database, name, types.length))
  return { rows, failure }
}

/** A branch of several statements, and one so large that it is compressed. */
async function captureBig(session: JavaSession, database: TestDatabase): Promise<CapturedRow[]> {
  await database.query('CREATE TABLE big (id INT PRIMARY KEY, body TEXT)')
  const rows: CapturedRow[] = []
  for (const [title, length] of [
    ['three statements', 1],
    ['compressed', 60_000],
  ] as const) {
    const xid = await session.begin()
    await session.sql(database, [
      `INSERT INTO big (id, body) VALUES (1, '${'x'.repeat(length)}'), (2, 'é')`,
      `UPDATE big SET body = '${'y'.repeat(length)}' WHERE id = 1`,
      'DELETE FROM big WHERE id = 2',
    ])
    rows.push(...(await undoRowsOf(database, xid, { titles: [title], columns: {} })))
    const status = await session.rollback()
    if (status !== 'Rollbacked') throw new Error(`${title}: ${status}`)
  }
  return rows
}

async function undoRowsOf(
  database: TestDatabase,
  xid: string,
  { titles, columns }: { titles: readonly string[]; columns: CapturedRow['columns'] },
): Promise<CapturedRow[]> {
  const found = await database.query(
    `SELECT CAST(branch_id AS CHAR(20)) AS branch_id, context, rollback_info
       FROM undo_log WHERE xid = ? ORDER BY branch_id`,
    [xid],
  )
  return found.map(({ branch_id: branchId, context, rollback_info: bytes }, i) => {
    const isPlain = /compressorType=NONE/.test(String(context))
    const rollbackInfo = isPlain
      ? (bytes as Buffer)
          .toString('utf8')
          .replaceAll(xid, fixedXid)
          .replace(`"branchId":${String(branchId).trim()}`, `"branchId":${fixedBranchId}`)
      : (bytes as Buffer).toString('base64')
    return { title: titles[i] ?? '', columns, context: String(context), rollbackInfo }
  })
}

/** Says which rows a rollback has left changed; '' when there are none. */
function differenceOf(before: readonly string[], after: readonly string[]): string {
  const lost = before.filter((row) => !after.includes(row))
  const found = after.filter((row) => !before.includes(row))
  if (lost.length === 0 && found.length === 0) return ''
  return `rollback: instead of ${lost.join(' and ')} it left ${found.join(' and ')}`
}

/** Every byte of a table, one text for each row. */
async function dump(database: TestDatabase, table: string, columnCount: number): Promise<string[]> {
  if (database.kind === 'postgres') {
    const rows = await database.query(`SELECT t::text AS line FROM ${table} t ORDER BY id`)
    return rows.map(({ line }) => String(line))
  }
  const columns = Array.from({ length: columnCount }, (_, i) => `HEX(CONCAT('', c${i})) AS h${i}`)
  const rows = await database.query(`SELECT id, ${columns.join()} FROM ${table} ORDER BY id`)
  return rows.map((row) => Object.values(row).join('|'))
}

/** The last cause, without what differs from run to run. */
function reasonOf(error: unknown): string {
  if (!(error instanceof JavaError)) throw error
  return (error.chain.split(' <- ').at(-1) ?? '').slice(0, 200)
}
