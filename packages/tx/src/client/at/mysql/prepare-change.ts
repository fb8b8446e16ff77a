/** Looks whether a statement's changes can be undone, before anything of it has run. */
import { refuse } from '../refuse.ts'
import {
  deleteTargets,
  runDelete,
  runUpdate,
  updateTargets,
  type WriteTarget,
} from './change-rows.ts'
import type { Change, Execution } from './execution.ts'
import { runInsert } from './insert-rows.ts'
import { runLock } from './lock-rows.ts'
import type { ChangePlan, InsertPlan, NamedUse } from './plan.ts'
import type { Table, UniqueKey } from './table-meta.ts'

/** A change that may be made: nothing has been sent but looks at information_schema. */
export type PreparedChange = () => Promise<Change>

/** @throws SETTEE_TX_UNSUPPORTED_SQL when the change cannot be undone; nothing has run then. */
export async function prepareChange(
  execution: Execution,
  plan: ChangePlan,
): Promise<PreparedChange> {
  const { environment, session } = execution
  await environment.routines.check(session, plan.calls)
  const uses = plan.kind === 'INSERT' ? [plan.table] : plan.tables
  const tables: (readonly [NamedUse, Table])[] = []
  for (const use of uses) {
    const table = await environment.tables.byName(session, use.name, use.schema)
    if (table !== undefined) tables.push([use, table])
  }
  switch (plan.kind) {
    case 'INSERT': {
      const [first] = tables
      if (first === undefined) return () => runUnknown(execution, plan)
      checkInsert(plan, first[1])
      return () => runInsert(execution, plan, first[1])
    }
    case 'UPDATE': {
      if (tables.length === 0) return () => runUnknown(execution, plan)
      const targets = updateTargets(plan, tables)
      for (const target of targets) checkUpdate(target, plan.columns)
      return () => runUpdate(execution, plan, targets)
    }
    case 'DELETE': {
      if (tables.length < plan.targets.length) return () => runUnknown(execution, plan)
      const targets = deleteTargets(plan, tables)
      for (const { table } of targets) checkDelete(table, 'DELETE')
      return () => runDelete(execution, plan, targets)
    }
    case 'LOCK': {
      for (const [, table] of tables) checkLock(table)
      return () => runLock(execution, plan, tables)
    }
  }
}

/** A table that does not exist is the server's to complain about. */
async function runUnknown(execution: Execution, plan: ChangePlan): Promise<never> {
  await execution.run(plan.text)
  throw refuse(plan.kind, 'it names no known table', 'name a table')
}

function checkTable(table: Table): void {
  if (table.refusal !== undefined) throw table.refusal
}

function checkLock(table: Table): void {
  if (table.primaryKey.length === 0) {
    checkTable(table)
    throw refuse(`FOR UPDATE of ${table.name}`, 'it has no primary key', 'add a primary key')
  }
}

function checkDelete(table: Table, kind: string): void {
  checkTable(table)
  const cascade = table.cascades.find(({ onDelete }) => onDelete)
  if (cascade === undefined) return
  throw refuse(
    `${kind} of ${table.name}`,
    `a foreign key of ${cascade.table} changes rows there by itself`,
    'delete those rows first and let the key be ON DELETE NO ACTION',
  )
}

function checkUpdate({ table }: WriteTarget, set: readonly { readonly name: string }[]): void {
  checkTable(table)
  const names = new Set(set.map(({ name }) => name.toLowerCase()))
  const keyColumn = table.primaryKey.find(({ name }) => names.has(name.toLowerCase()))
  if (keyColumn !== undefined) {
    throw refuse(
      `UPDATE ${table.name} SET ${keyColumn.name}`,
      'the row cannot be found again when its primary key changes',
      'insert a new row and delete the old one',
    )
  }
  const cascade = table.cascades.find(
    ({ onUpdate, columns }) => onUpdate && columns.some((name) => names.has(name.toLowerCase())),
  )
  if (cascade === undefined) return
  throw refuse(
    `UPDATE ${table.name}`,
    `a foreign key of ${cascade.table} changes rows there by itself`,
    'let the key be ON UPDATE NO ACTION',
  )
}

function checkInsert(plan: InsertPlan, table: Table): void {
  checkTable(table)
  const isUpsert = plan.isReplace || plan.onDuplicate !== undefined
  if (!isUpsert) return
  const kind = plan.isReplace ? 'REPLACE' : 'ON DUPLICATE KEY UPDATE'
  const partial = table.uniqueKeys.find(({ isPartial }) => isPartial)
  if (partial !== undefined) throw refusePartial(kind, table, partial)
  if (plan.isReplace) checkDelete(table, kind)
  const set = (plan.onDuplicate ?? []).filter(({ isSame }) => !isSame)
  checkUpdate({ table, use: plan.table, columns: [] }, set)
}

function refusePartial(kind: string, table: Table, key: UniqueKey): Error {
  return refuse(
    `${kind} of ${table.name}`,
    `its unique key ${key.name} is over a part of a column or an expression, so that the rows ` +
      'that it would meet are not known',
    'read the row with SELECT … FOR UPDATE and choose between INSERT and UPDATE',
  )
}
