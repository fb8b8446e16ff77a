/** What a statement that writes does to the rows of its table, by its tree. */
import type {
  DeleteStmt,
  InsertStmt,
  MergeStmt,
  Node,
  PostgresGrammar,
  UpdateStmt,
} from '@settee/sql/postgres'
import { relationOf, type ImageForm, type Target } from './plan.ts'
import { namesOf, type Returning } from './returning.ts'
import { refuse } from '../refuse.ts'

/** What the analysis has to know of the server. */
export interface ServerFeatures {
  /** RETURNING knows the rows before and after: PostgreSQL 18 and later. */
  readonly hasReturningOld: boolean
}

/** A statement that writes rows. */
export type WriteNode =
  | { readonly kind: 'InsertStmt'; readonly node: InsertStmt }
  | { readonly kind: 'UpdateStmt'; readonly node: UpdateStmt }
  | { readonly kind: 'DeleteStmt'; readonly node: DeleteStmt }
  | { readonly kind: 'MergeStmt'; readonly node: MergeStmt }

/** What a statement is analysed with. */
export interface Analysis {
  readonly grammar: PostgresGrammar
  readonly features: ServerFeatures
}

export function returningOf({ node }: WriteNode, image: ImageForm): Returning {
  return {
    target: node.relation!,
    clause: node.returningClause,
    image,
    names: namesOf(node),
  }
}

/** What the statement does to the rows of its table. */
export function targetOf(statement: WriteNode, features: ServerFeatures): Target {
  const { kind, node } = statement
  const relation = relationOf(node.relation!)
  const changed: ImageForm = features.hasReturningOld ? 'both' : 'touched'
  switch (kind) {
    case 'DeleteStmt':
      refuseCurrentOf(node.whereClause, true)
      return { relation, verb: 'DELETE', columns: [], proposed: [], deletes: true, image: 'before' }
    case 'UpdateStmt':
      refuseCurrentOf(node.whereClause, features.hasReturningOld)
      return {
        relation,
        verb: 'UPDATE',
        columns: columnsOf(node.targetList),
        proposed: [],
        deletes: false,
        image: changed,
      }
    case 'InsertStmt': {
      const { action, targetList } = node.onConflictClause ?? {}
      if (action !== 'ONCONFLICT_UPDATE') {
        return {
          relation,
          verb: 'INSERT',
          columns: [],
          proposed: [],
          deletes: false,
          image: 'after',
        }
      }
      const proposed = columnsOf(targetList?.filter(isProposed))
      const columns = columnsOf(targetList)
      return { relation, verb: 'UPSERT', columns, proposed, deletes: false, image: changed }
    }
    case 'MergeStmt': {
      if (!features.hasReturningOld) {
        throw refuse(
          'MERGE',
          'the rows before it are known from PostgreSQL 18 on',
          'use INSERT … ON CONFLICT, UPDATE and DELETE',
        )
      }
      const actions = (node.mergeWhenClauses ?? []).flatMap((item) =>
        'MergeWhenClause' in item ? [item.MergeWhenClause] : [],
      )
      return {
        relation,
        verb: 'MERGE',
        columns: actions
          .filter(({ commandType }) => commandType === 'CMD_UPDATE')
          .flatMap(({ targetList }) => columnsOf(targetList)),
        proposed: [],
        deletes: actions.some(({ commandType }) => commandType === 'CMD_DELETE'),
        image: changed,
      }
    }
  }
}

function columnsOf(targetList: readonly Node[] = []): string[] {
  return targetList.map((item) => ('ResTarget' in item ? item.ResTarget.name! : ''))
}

/** `SET id = excluded.id`, which leaves a key as it is when the key is what conflicts. */
function isProposed(item: Node): boolean {
  if (!('ResTarget' in item)) return false
  const { name, val } = item.ResTarget
  if (val === undefined || !('ColumnRef' in val)) return false
  const path = (val.ColumnRef.fields ?? []).map((part) =>
    'String' in part ? part.String.sval : undefined,
  )
  return path.length === 2 && path[0] === 'excluded' && path[1] === name
}

function refuseCurrentOf(condition: Node | undefined, isKnown: boolean): void {
  if (isKnown || condition === undefined || !('CurrentOfExpr' in condition)) return
  throw refuse(
    'UPDATE … WHERE CURRENT OF',
    'the row before it is known from PostgreSQL 18 on',
    'use the primary key',
  )
}
