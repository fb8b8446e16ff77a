/** Runs a statement with WITH clauses that write: the text and the images of writable-with.ts. */
import type { AtEnvironment } from './environment.ts'
import { answerOf, checkVersion, parseRecord, runRaw, type RawRow } from './image-rows.ts'
import type { PgClient, PgQuery, PgResult } from './pg-driver.ts'
import type { Target, WithPlan } from './plan.ts'
import { refuse } from '../refuse.ts'
import type { Table } from './table-meta.ts'
import type { Run, TouchedRow, TouchedTable } from './touched.ts'
import { checkRowCount, checkUndoable, refuseAltered } from './undoable.ts'
import { rowName } from './writable-with.ts'

interface With {
  readonly plan: WithPlan
  readonly query: PgQuery
  readonly tables: readonly Table[]
}

/** [version, oid of the table, row before or whether there was one, row after] */
type JsonImage = readonly [string | null, number, string | boolean | null, string | null]

export function prepareWith(
  environment: AtEnvironment,
  client: PgClient,
  { plan, query, tables }: With,
): () => Promise<Run> {
  const twice = tables.find((table, i) => tables.indexOf(table) !== i)
  if (twice !== undefined) {
    throw refuse(
      `a WITH clause that writes ${twice.name} twice`,
      'the order of its changes is not known',
      'send the statements one by one',
    )
  }
  const text = plan.buildText(tables.map(({ columns }) => columns.map(({ name }) => name)))
  return async () => {
    const result = await runRaw(client, query, text)
    const rows = result.rows as RawRow[]
    const firstImage = result.fields.findLastIndex(({ name }) => name === rowName) + 1
    const touched: TouchedTable[] = []
    for (const [i, target] of plan.targets.entries()) {
      const json = rows[0]![firstImage + i] ?? null
      const images = (json === null ? [] : JSON.parse(json)) as readonly JsonImage[]
      checkRowCount(environment, images.length, target.verb)
      const table = await currentTable(environment, client, { target, known: tables[i]!, images })
      touched.push({ table, target, rows: images.map((image) => touchedRow(target, image)) })
    }
    return { result: withAnswer(client, query, plan, result), touched }
  }
}

/** The answer that the statement alone would have had. */
function withAnswer(client: PgClient, query: PgQuery, plan: WithPlan, result: PgResult): PgResult {
  const rowMark = result.fields.findLastIndex(({ name }) => name === rowName)
  const rows = (result.rows as RawRow[]).filter((row) => row[rowMark] !== null)
  const ownCount = plan.command === 'SELECT' ? rowMark : rowMark - 1
  const { command } = plan
  const own = Object.assign(result, { command, rows, rowCount: rows.length })
  return answerOf(client, query, own, plan.hasAnswer ? ownCount : 0)
}

interface Current {
  readonly target: Target
  readonly known: Table
  readonly images: readonly JsonImage[]
}

/** The table that the images came from; it must have the columns of which the text was made. */
async function currentTable(
  environment: AtEnvironment,
  client: PgClient,
  { target, known, images }: Current,
): Promise<Table> {
  const [version, oid] = images[0] ?? [known.version, known.oid]
  if (oid === known.oid && checkVersion(version) === known.version) return known
  environment.tables.clear()
  const fresh = await environment.tables.byOid(client, oid)
  checkUndoable(fresh, target)
  const isSame =
    fresh.columns.length === known.columns.length &&
    fresh.columns.every(
      ({ name, typeSql }, i) =>
        name === known.columns[i]!.name && typeSql === known.columns[i]!.typeSql,
    )
  if (!isSame) throw refuseAltered(fresh)
  return fresh
}

function touchedRow({ image }: Target, [, , first, second]: JsonImage): TouchedRow {
  const after = second === null ? undefined : parseRecord(second)
  if (image === 'touched') return { before: undefined, after, existed: first === true }
  return { before: typeof first === 'string' ? parseRecord(first) : undefined, after }
}
