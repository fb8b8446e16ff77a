/**
 * TCC on a database model: try reserves, confirm and cancel end it, a fence row keeps each to once
 * and a late try out. The branch is registered before its try, as Seata's clients do.
 */
import type { BranchPort, Resource } from '@settee/tx/internal'
import { BranchStatus, BranchType } from '@settee/tx/protocol'
import type { SimulatedProcess } from '../world/simulated-process.ts'
import { accountKey, balanceOf, type Posting } from './at-resource.ts'
import type { LocalTransaction, SimulatedDatabase } from './database.ts'

const lockTimeoutMs = 1500

export interface TccResource extends Resource {
  run(xid: string, posting: Posting): Promise<void>
}

export interface TccResourceOptions {
  readonly process: SimulatedProcess
  readonly database: SimulatedDatabase
  readonly port: BranchPort
  /** A second confirm or cancel of what ended the other way. */
  readonly onContradiction: (xid: string, text: string) => void
}

/** The account that holds the effects of try, confirm and cancel; nobody else writes it. */
const account = 'tcc'

export function createTccResource(options: TccResourceOptions): TccResource {
  const { database, port } = options
  const resourceId = `tcc-${database.name}`
  return {
    resourceId,
    branchType: BranchType.TCC,
    async run(xid, { delta }) {
      const branchId = await port.registerBranch({
        xid,
        branchType: BranchType.TCC,
        resourceId,
        lockKeys: '',
        lockWaitMs: 0,
        holdsRowLocks: false,
      })
      await inLocalTransaction(options, async (local) => {
        const fence = { kind: 'fence', status: 'tried', delta } as const
        await local.insert(fenceKey(xid, branchId), fence, lockTimeoutMs)
        // A debit is taken at once, a credit is given at the end.
        if (delta < 0) await post(local, account, delta)
      })
    },
    commitBranch: (xid, branchId) => confirm(options, xid, branchId),
    rollbackBranch: (xid, branchId) => cancel(options, xid, branchId),
    deleteUndoLogs: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

async function confirm(
  options: TccResourceOptions,
  xid: string,
  branchId: number | bigint,
): Promise<BranchStatus> {
  await inLocalTransaction(options, async (local) => {
    const key = fenceKey(xid, branchId)
    const fence = await local.find(key, lockTimeoutMs)
    if (fence?.kind !== 'fence') throw new Error(`nothing was tried for ${key}`)
    if (fence.status === 'committed') return
    if (fence.status !== 'tried') options.onContradiction(xid, `confirm after ${fence.status}`)
    if (fence.delta > 0) await post(local, account, fence.delta)
    local.write(key, { ...fence, status: 'committed' })
  })
  return BranchStatus.PhaseTwo_Committed
}

async function cancel(
  options: TccResourceOptions,
  xid: string,
  branchId: number | bigint,
): Promise<BranchStatus> {
  await inLocalTransaction(options, async (local) => {
    const key = fenceKey(xid, branchId)
    const fence = await local.find(key, lockTimeoutMs)
    if (fence?.kind !== 'fence') {
      // An empty rollback: the try must not come any more.
      await local.insert(key, { kind: 'fence', status: 'suspended', delta: 0 }, lockTimeoutMs)
      return
    }
    if (fence.status === 'committed') options.onContradiction(xid, 'cancel after confirm')
    if (fence.status !== 'tried') return
    if (fence.delta < 0) await post(local, account, -fence.delta)
    local.write(key, { ...fence, status: 'rolledBack' })
  })
  return BranchStatus.PhaseTwo_Rollbacked
}

/** Adds to an account that is written without global locks. */
export async function post(local: LocalTransaction, account: string, delta: number): Promise<void> {
  const balance = balanceOf(await local.lock(accountKey(account), lockTimeoutMs)) + delta
  local.write(accountKey(account), { kind: 'account', balance })
}

function fenceKey(xid: string, branchId: number | bigint): string {
  return `fence/${xid}/${branchId}`
}

/** Runs `work` in one local transaction; rolls back and rethrows when it fails. */
export async function inLocalTransaction<Result>(
  { database, process }: { database: SimulatedDatabase; process: SimulatedProcess },
  work: (local: LocalTransaction) => Promise<Result>,
): Promise<Result> {
  const local = await database.begin(process)
  try {
    const result = await work(local)
    await local.commit()
    return result
  } catch (error) {
    await local.rollback()
    throw error
  }
}
