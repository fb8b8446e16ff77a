/**
 * A saga engine on a database model: its steps commit one by one, and the coordinator ends the
 * whole with one call. Some sagas only go forward: asked to roll back, they say so, and the
 * coordinator turns round.
 */
import type { Resource } from '@settee/tx/internal'
import { BranchStatus, BranchType } from '@settee/tx/protocol'
import type { SimulatedProcess } from '../world/simulated-process.ts'
import type { Row, SimulatedDatabase } from './database.ts'
import { inLocalTransaction, post } from './tcc-resource.ts'

const lockTimeoutMs = 1500
const account = 'saga'

export interface SagaResource extends Resource {
  /** One step: posts `delta`. */
  run(xid: string, delta: number): Promise<void>
}

export interface SagaResourceOptions {
  readonly resourceId: string
  readonly process: SimulatedProcess
  readonly database: SimulatedDatabase
  /** Whether the saga of this xid only goes forward. */
  readonly isForwardOnly: (xid: string) => boolean
}

export function createSagaResource(options: SagaResourceOptions): SagaResource {
  return {
    resourceId: options.resourceId,
    branchType: BranchType.SAGA,
    run: (xid, delta) =>
      inLocalTransaction(options, async (local) => {
        const saga = sagaOf(await local.lock(sagaKey(xid), lockTimeoutMs))
        if (saga.status !== 'running') throw new Error(`the saga is ${saga.status} already`)
        await post(local, account, delta)
        local.write(sagaKey(xid), { ...saga, deltas: [...saga.deltas, delta] })
      }),
    /** Goes forward: whatever the steps done so far have not moved is moved now. */
    async commitBranch(xid) {
      await inLocalTransaction(options, async (local) => {
        const saga = sagaOf(await local.lock(sagaKey(xid), lockTimeoutMs))
        if (saga.status !== 'running') return
        const rest = -sumOf(saga.deltas)
        if (rest !== 0) await post(local, account, rest)
        const deltas = rest === 0 ? saga.deltas : [...saga.deltas, rest]
        local.write(sagaKey(xid), { ...saga, status: 'done', deltas })
      })
      return BranchStatus.PhaseTwo_Committed
    },
    async rollbackBranch(xid) {
      return inLocalTransaction(options, async (local) => {
        const saga = sagaOf(await local.lock(sagaKey(xid), lockTimeoutMs))
        if (saga.status === 'undone') return BranchStatus.PhaseTwo_Rollbacked
        const isForward = options.isForwardOnly(xid) || saga.status === 'done'
        if (isForward) return BranchStatus.PhaseTwo_CommitFailed_Retryable
        const total = sumOf(saga.deltas)
        if (total !== 0) await post(local, account, -total)
        local.write(sagaKey(xid), { ...saga, status: 'undone' })
        return BranchStatus.PhaseTwo_Rollbacked
      })
    },
    deleteUndoLogs: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

function sagaKey(xid: string): string {
  return `saga/${xid}`
}

/** A saga that has done nothing has no row yet. */
function sagaOf(row: Row | undefined): Extract<Row, { kind: 'saga' }> {
  return row?.kind === 'saga' ? row : { kind: 'saga', status: 'running', deltas: [] }
}

function sumOf(deltas: readonly number[]): number {
  return deltas.reduce((sum, delta) => sum + delta, 0)
}
