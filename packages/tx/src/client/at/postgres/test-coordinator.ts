/**
 * A coordinator in memory for tests of resources: branches, and global locks that are waited for.
 * It follows the rules of the real one and knows no protocol.
 */
import { runWithContext } from '@settee/kit'
import type { Long } from '@settee/wire'
import { txError } from '../../../errors.ts'
import { parseLockKeys } from '../../../protocol/lock-key.ts'
import { BranchStatus } from '../../../protocol/status.ts'
import type { BranchPort, BranchRegistration, Resource } from '../../resource.ts'

interface Branch {
  readonly branchId: Long
  readonly resourceId: string
}

export class MemoryCoordinator implements BranchPort {
  readonly registrations: BranchRegistration[] = []
  readonly reports: {
    readonly branchId: Long
    readonly status: BranchStatus
    readonly applicationData: string
  }[] = []
  /** Runs before a registration is looked at. */
  beforeRegister: (registration: BranchRegistration) => Promise<void> | void = () => {}
  readonly #resources = new Map<string, Resource>()
  readonly #branches = new Map<string, Branch[]>()
  readonly #holders = new Map<string, string>()
  readonly #waiters = new Set<() => void>()
  readonly #rollingBack = new Set<string>()
  #lastId = 0

  add(resource: Resource): void {
    this.#resources.set(resource.resourceId, resource)
  }

  /** Forgets all transactions, as if they had never been. */
  clear(): void {
    this.#branches.clear()
    this.#holders.clear()
  }

  get lockCount(): number {
    return this.#holders.size
  }

  /** How many registrations wait for a lock. */
  get waitingCount(): number {
    return this.#waiters.size
  }

  begin(): string {
    const xid = `127.0.0.1:8091:${++this.#lastId}`
    this.#branches.set(xid, [])
    return xid
  }

  /** Runs `work` in a new global transaction that stays open. */
  async run<Result>(work: () => Promise<Result>): Promise<{ xid: string; result: Result }> {
    const xid = this.begin()
    return { xid, result: await this.within(xid, work) }
  }

  within<Result>(xid: string, work: () => Result): Result {
    return runWithContext({ xid }, work)
  }

  branchesOf(xid: string): readonly Branch[] {
    return this.#branches.get(xid) ?? []
  }

  async registerBranch(registration: BranchRegistration): Promise<Long> {
    await this.beforeRegister(registration)
    const { xid, resourceId, lockKeys, lockWaitMs } = registration
    const deadlineMs = performance.now() + lockWaitMs
    for (;;) {
      const branches = this.#branches.get(xid)
      if (branches === undefined) {
        throw txError('SETTEE_TX_BRANCH_REFUSED', `${xid} is unknown or ending`)
      }
      const holder = this.#holderOf(xid, resourceId, lockKeys)
      if (holder === undefined) {
        for (const key of rowKeys(resourceId, lockKeys)) this.#holders.set(key, xid)
        this.registrations.push(registration)
        // Beyond 2^53, as real ones are.
        const branchId = 2n ** 60n + BigInt(++this.#lastId)
        branches.push({ branchId, resourceId })
        return branchId
      }
      const failsFast = registration.holdsRowLocks && this.#rollingBack.has(holder)
      const leftMs = deadlineMs - performance.now()
      if (failsFast || leftMs <= 0) {
        throw txError('SETTEE_TX_LOCK_CONFLICT', `${lockKeys} is held by ${holder}`)
      }
      await this.#unlocked(leftMs)
    }
  }

  async reportBranch(
    xid: string,
    {
      branchId,
      status,
      applicationData = '',
    }: { branchId: Long; status: BranchStatus; applicationData?: string },
  ): Promise<void> {
    this.reports.push({ branchId, status, applicationData })
    if (status !== BranchStatus.PhaseOne_Failed) return
    const branches = this.#branches.get(xid)
    if (branches === undefined) return
    const left = branches.filter((branch) => branch.branchId !== branchId)
    this.#branches.set(xid, left)
  }

  async isLockable(xid: string, resourceId: string, lockKeys: string): Promise<boolean> {
    return this.#holderOf(xid, resourceId, lockKeys) === undefined
  }

  async commit(xid: string): Promise<BranchStatus[]> {
    const branches = this.#end(xid)
    this.#unlock(xid)
    const statuses: BranchStatus[] = []
    for (const { resourceId, branchId } of branches) {
      statuses.push(await this.#resources.get(resourceId)!.commitBranch(xid, branchId))
    }
    return statuses
  }

  async rollback(xid: string): Promise<BranchStatus[]> {
    const branches = this.#end(xid)
    this.#rollingBack.add(xid)
    const statuses: BranchStatus[] = []
    for (const { resourceId, branchId } of branches.toReversed()) {
      statuses.push(await this.#resources.get(resourceId)!.rollbackBranch(xid, branchId))
    }
    this.#unlock(xid)
    return statuses
  }

  #end(xid: string): Branch[] {
    const branches = this.#branches.get(xid) ?? []
    this.#branches.delete(xid)
    return branches
  }

  #holderOf(xid: string, resourceId: string, lockKeys: string): string | undefined {
    for (const key of rowKeys(resourceId, lockKeys)) {
      const holder = this.#holders.get(key)
      if (holder !== undefined && holder !== xid) return holder
    }
    return undefined
  }

  #unlock(xid: string): void {
    for (const [key, holder] of this.#holders) if (holder === xid) this.#holders.delete(key)
    this.#rollingBack.delete(xid)
    for (const wake of this.#waiters) wake()
  }

  async #unlocked(limitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, limitMs)
      this.#waiters.add(wake)
    })
  }
}

function rowKeys(resourceId: string, lockKeys: string): string[] {
  return parseLockKeys(lockKeys).flatMap(({ table, keys }) =>
    keys.map((key) => `${resourceId}^^^${table}^^^${key}`),
  )
}
