/** A view for the tests of the HTTP side, whose versions and answers a test sets. */
import type { ControlPlaneView } from './view.ts'

export interface TestView extends ControlPlaneView {
  overviewVersion: number
  servicesVersion: number
  transactionsVersion: number
  /** Reads of anything, so far. */
  readCount: number
  /** Length of the text in each services answer. */
  sizeChars: number
}

export function createTestView(): TestView {
  return {
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
      return undefined
    },
  }
}
