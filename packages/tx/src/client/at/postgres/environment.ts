/** What the parts of one PostgreSQL resource share. */
import type { Clock, Random } from '@settee/kit'
import type { BranchPort } from '../../resource.ts'
import type { Connection } from './pg-driver.ts'
import type { SeataNamespace } from '../undo/jackson-codec.ts'
import type { Plan } from './plan.ts'
import type { TableCache } from './table-meta.ts'
import type { UndoTable } from './undo-table.ts'
import type { FunctionCache } from './volatile-functions.ts'

export interface AtLimits {
  /** Longest that a statement or {@link AtPool.transaction} waits for global locks, in ms. */
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
  readonly functions: FunctionCache
  readonly undoTable: UndoTable
  readonly limits: AtLimits
  /** Where the Java peers that read the undo logs have their classes. */
  readonly undoNamespace: SeataNamespace
  readonly clock: Clock
  readonly random: Random
  /** What to do with a statement; throws SETTEE_TX_UNSUPPORTED_SQL. */
  readonly planOf: (client: Connection, text: string) => Promise<Plan>
}
