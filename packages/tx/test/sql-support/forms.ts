/** All forms of SQL, in the order of the page. */
import { deletes, updates, writableWith } from './change-forms.ts'
import type { FormGroup } from './form.ts'
import { inserts, keys, upserts } from './insert-forms.ts'
import { locks } from './lock-forms.ts'
import { routines, schemaChanges } from './schema-forms.ts'
import { dependents, tables } from './table-forms.ts'
import { transactions } from './transaction-forms.ts'

export const formGroups: readonly FormGroup[] = [
  inserts,
  upserts,
  keys,
  updates,
  deletes,
  writableWith,
  locks,
  transactions,
  dependents,
  tables,
  schemaChanges,
  routines,
]
