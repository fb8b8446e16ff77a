/**
 * XA on a database model: a branch is prepared, which survives every crash, and then committed or
 * rolled back by its name. A database knows only what is prepared; whoever asks for another branch
 * hears XAER_NOTA, which may mean "ended before" as well as "not yet".
 */
import type { BranchPort, Resource } from '@settee/tx/internal'
import { BranchStatus, BranchType } from '@settee/tx/protocol'
import type { SimulatedProcess } from '../world/simulated-process.ts'
import type { Posting } from './at-resource.ts'
import { DatabaseError, type SimulatedDatabase } from './database.ts'
import { inLocalTransaction, post } from './tcc-resource.ts'

const lockTimeoutMs = 1500
/** Nobody else writes it. */
const account = 'xa'

export interface XaResource extends Resource {
  run(xid: string, posting: Posting): Promise<void>
}

export interface XaResourceOptions {
  readonly process: SimulatedProcess
  readonly database: SimulatedDatabase
  readonly port: BranchPort
}

export function createXaResource(options: XaResourceOptions): XaResource {
  const { database, port } = options
  const resourceId = `xa-${database.name}`
  const branchType = BranchType.XA
  return {
    resourceId,
    branchType,
    async run(xid, { delta }) {
      const branchId = await port.registerBranch({
        xid,
        branchType,
        resourceId,
        lockKeys: '',
        lockWaitMs: 0,
        holdsRowLocks: true,
      })
      try {
        await inLocalTransaction(options, (local) =>
          local.insert(xaKey(xid, branchId), { kind: 'xa', delta }, lockTimeoutMs),
        )
      } catch (error) {
        const isCertain = error instanceof DatabaseError && error.isCertain
        const status = BranchStatus.PhaseOne_Failed
        const branch = { branchId, branchType, resourceId, status }
        if (isCertain) await port.reportBranch(xid, branch).catch(() => {})
        throw error
      }
    },
    commitBranch: (xid, branchId) =>
      inLocalTransaction(options, async (local) => {
        const key = xaKey(xid, branchId)
        const row = await local.find(key, lockTimeoutMs)
        if (row?.kind !== 'xa') return BranchStatus.PhaseTwo_CommitFailed_XAER_NOTA_Retryable
        await post(local, account, row.delta)
        local.write(key, undefined)
        return BranchStatus.PhaseTwo_Committed
      }),
    rollbackBranch: (xid, branchId) =>
      inLocalTransaction(options, async (local) => {
        const key = xaKey(xid, branchId)
        const row = await local.find(key, lockTimeoutMs)
        if (row?.kind !== 'xa') return BranchStatus.PhaseTwo_RollbackFailed_XAER_NOTA_Retryable
        local.write(key, undefined)
        return BranchStatus.PhaseTwo_Rollbacked
      }),
    deleteUndoLogs: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

function xaKey(xid: string, branchId: number | bigint): string {
  return `xa/${xid}/${branchId}`
}
