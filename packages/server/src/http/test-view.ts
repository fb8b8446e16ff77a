/** A view for the tests of the HTTP side, whose versions and answers a test sets. */
import type { RepairOrder } from '@settee/console/api'
import { serverError } from '../errors.ts'
import type { ControlPlaneView } from './view.ts'

export interface TestView extends ControlPlaneView {
  overviewVersion: number
  servicesVersion: number
  transactionsVersion: number
  /** Reads of anything, so far. */
  readCount: number
  /** Orders that came in, with xid and branch id. */
  readonly repairs: readonly [xid: string, branchId: string, order: RepairOrder][]
  /** Length of the text in each services answer. */
  sizeChars: number
}

export function createTestView(): TestView {
  const repairs: [string, string, RepairOrder][] = []
  return {
    repairs,
    overviewVersion: 0,
    servicesVersion: 0,
    transactionsVersion: 0,
    readCount: 0,
    sizeChars: 10,
    overview() {
      this.readCount++
      return { version: String(this.overviewVersion) } as ReturnType<ControlPlaneView['overview']>
    },
    services() {
      this.readCount++
      const dataId = 'x'.repeat(this.sizeChars)
      return [{ dataId, version: this.servicesVersion }] as unknown as ReturnType<
        ControlPlaneView['services']
      >
    },
    service: () => undefined,
    transactions: () => ({ items: [], next: null, historyLimit: 0 }),
    transaction(xid) {
      if (xid === 'broken') throw new Error('a defect in the view')
      if (xid !== '127.0.0.1:8091:7') return undefined
      return { xid } as ReturnType<ControlPlaneView['transaction']>
    },
    async repairBranch(xid, branchId, order) {
      if (branchId === '409') throw serverError('SETTEE_HTTP_REFUSED', 'it does not wait')
      repairs.push([xid, branchId, order])
    },
  }
}
