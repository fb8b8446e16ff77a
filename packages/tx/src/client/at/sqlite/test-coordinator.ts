/**
 * A coordinator in memory for tests: global transactions, branches and global locks with the rules
 * of the real one, without its protocol.
 */
import { runWithContext } from '@settee/kit'
import type { Long } from '@settee/wire'
import { txError } from '../../../errors.ts'
import { parseLockKeys } from '../../../protocol/lock-key.ts'
import type { BranchStatus } from '../../../protocol/status.ts'
import type { BranchPort, BranchRegistration, Resource } from '../../resource.ts'

interface Branch {
  readonly branchId: Long
  readonly registration: BranchRegistration
}

export class FakeCoordinator implements BranchPort {
  readonly reports: {
    xid: string
    branchId: Long
    status: BranchStatus
    applicationData: string
  }[] = []
  readonly registrations: BranchRegistration[] = []
  /** Runs before a registration is answered. */
  beforeRegister: (registration: BranchRegistration) => Promise<void> | void = () => {}
  /** Told when somebody asks whether locks are free. */
  onLockQuery: () => void = () => {}
  readonly #resources = new Map<string, Resource>()
  readonly #branches = new Map<string, Branch[]>()
  readonly #holders = new Map<string, string>()
  #lastId = 0

  addResource(resource: Resource): void {
    this.#resources.set(resource.resourceId, resource)
  }

  begin(): string {
    const xid = `127.0.0.1:8091:${++this.#lastId}`
    this.#branches.set(xid, [])
    return xid
  }

  /** Runs `run` inside the global transaction `xid`. */
  within<Result>(xid: string, run: () => Result): Result {
    return runWithContext({ xid }, run)
  }

  async registerBranch(registration: BranchRegistration): Promise<Long> {
    await this.beforeRegister(registration)
    const { xid, resourceId, lockKeys } = registration
    const branches = this.#branches.get(xid)
    if (branches === undefined) {
      throw txError('SETTEE_TX_BRANCH_REFUSED', `${xid} is unknown or ending`)
    }
    if (!this.#isFree(xid, resourceId, lockKeys)) {
      throw txError('SETTEE_TX_LOCK_CONFLICT', `${lockKeys} is held by another`)
    }
    for (const key of rowKeys(resourceId, lockKeys)) this.#holders.set(key, xid)
    this.registrations.push(registration)
    // Large, so that ids beyond safe integers are exercised too.
    const branchId = 2n ** 60n + BigInt(++this.#lastId)
    branches.push({ branchId, registration })
    return branchId
  }

  async reportBranch(
    xid: string,
    {
      branchId,
      status,
      applicationData = '',
    }: { branchId: Long; status: BranchStatus; applicationData?: string },
  ): Promise<void> {
    this.reports.push({ xid, branchId, status, applicationData })
    const branches = this.#branches.get(xid) ?? []
    const index = branches.findIndex((branch) => branch.branchId === branchId)
    if (index >= 0) branches.splice(index, 1)
  }

  async isLockable(xid: string, resourceId: string, lockKeys: string): Promise<boolean> {
    this.onLockQuery()
    return this.#isFree(xid, resourceId, lockKeys)
  }

  /** Releases the locks, then phase two. @returns the statuses of the branches. */
  commit(xid: string): Promise<BranchStatus[]> {
    this.#unlock(xid)
    return this.#finish(xid, (resource, branchId) => resource.commitBranch(xid, branchId))
  }

  /** Phase two from the last branch to the first, then releases the locks. */
  async rollback(xid: string): Promise<BranchStatus[]> {
    this.#branches.get(xid)?.reverse()
    const statuses = await this.#finish(xid, (resource, id) => resource.rollbackBranch(xid, id))
    this.#unlock(xid)
    return statuses
  }

  get lockCount(): number {
    return this.#holders.size
  }

  async #finish(
    xid: string,
    end: (resource: Resource, branchId: Long) => Promise<BranchStatus>,
  ): Promise<BranchStatus[]> {
    const branches = this.#branches.get(xid) ?? []
    this.#branches.delete(xid)
    const statuses: BranchStatus[] = []
    for (const { branchId, registration } of branches) {
      statuses.push(await end(this.#resources.get(registration.resourceId)!, branchId))
    }
    return statuses
  }

  #isFree(xid: string, resourceId: string, lockKeys: string): boolean {
    return rowKeys(resourceId, lockKeys).every((key) => {
      const holder = this.#holders.get(key)
      return holder === undefined || holder === xid
    })
  }

  #unlock(xid: string): void {
    for (const [key, holder] of this.#holders) if (holder === xid) this.#holders.delete(key)
  }
}

function rowKeys(resourceId: string, lockKeys: string): string[] {
  return parseLockKeys(lockKeys).flatMap(({ table, keys }) =>
    keys.map((key) => `${resourceId} ${table} ${key}`),
  )
}
