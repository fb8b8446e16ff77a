/** What the parts of one MySQL resource share. */
import type { Clock, Random } from '@settee/kit'
import type { MysqlMode } from '@settee/sql/mysql'
import type { BranchPort } from '../../resource.ts'
import type { SeataNamespace } from '../undo/jackson-codec.ts'
import type { Plan } from './plan.ts'
import type { RoutineCache } from './routines.ts'
import type { TableCache } from './table-meta.ts'
import type { UndoTable } from './undo-table.ts'

export interface AtLimits {
  /** Longest that a statement waits for global locks while it holds no row locks, in ms. */
  readonly lockWaitMs: number
  /** Longest that the COMMIT of a local transaction waits for them while it holds row locks. */
  readonly lockWaitWithRowLocksMs: number
  /** Most rows that one statement may change. */
  readonly maxRows: number
  /** Largest undo log of a branch, in characters. */
  readonly maxUndoLength: number
}

export interface AtEnvironment {
  readonly resourceId: string
  readonly port: BranchPort
  readonly tables: TableCache
  readonly routines: RoutineCache
  readonly undoTable: UndoTable
  readonly limits: AtLimits
  /** Where the Java peers that read the undo logs have their classes. */
  readonly undoNamespace: SeataNamespace
  readonly clock: Clock
  readonly random: Random
  /** What to do with the statements of a text; throws SETTEE_TX_UNSUPPORTED_SQL. */
  readonly planOf: (text: string, mode: MysqlMode) => readonly Plan[]
}
