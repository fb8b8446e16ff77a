/** The tables that a statement names, and the locks of its subqueries. */
import { queriesIn, type AstNode, type NamedTable, type TableReference } from '@settee/sql/mysql'
import type { NamedUse } from './plan.ts'
import type { Insertion } from './sql-fragment.ts'

/** The tables below a table reference that are no subqueries. */
export function tablesOf(reference: TableReference): readonly NamedUse[] {
  switch (reference.kind) {
    case 'namedTable':
      return [useOf(reference)]
    case 'join':
      return [...tablesOf(reference.left), ...tablesOf(reference.right)]
    case 'parenthesizedTables':
      return reference.references.items.flatMap(tablesOf)
    default:
      return []
  }
}

function useOf({ name, alias }: Pick<NamedTable, 'name' | 'alias'>): NamedUse {
  return {
    schema: name.schema?.name,
    name: name.name.name,
    alias: alias?.name ?? name.name.name,
  }
}

/**
 * The one that a statement calls `name`. Whether aliases differ by case is a setting of the server:
 * `a` and `A` may be two, but where both are there the server tells them apart.
 */
export function findByAlias<One>(
  all: readonly One[],
  useOfOne: (one: One) => NamedUse,
  name: string,
): One | undefined {
  return (
    all.find((one) => useOfOne(one).alias === name) ??
    all.find((one) => isAlias(useOfOne(one), name))
  )
}

/** Aliases of tables are compared as the server compares names of tables on most systems. */
export function isAlias(use: NamedUse, name: string): boolean {
  return use.alias === name || use.alias.toLowerCase() === name.toLowerCase()
}

/** LOCK IN SHARE MODE for the subqueries of a condition, as a change locks what it reads. */
export function shareLocks(node: AstNode | undefined): readonly Insertion[] {
  if (node === undefined) return []
  return queriesIn(node)
    .filter(
      ({ body, locking, into }) =>
        body.kind === 'select' &&
        body.from !== undefined &&
        locking.length === 0 &&
        into === undefined,
    )
    .map(({ end }) => ({ at: end, sql: ' LOCK IN SHARE MODE' }))
}
