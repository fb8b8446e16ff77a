/** Waits until nothing is in doubt: every transaction has ended and no row is locked. */
import { sleep } from '@settee/kit'

export interface Doubt {
  /** Transactions that have not ended. */
  readonly openCount: number
  readonly lockCount: number
  /** Transactions that ended in a way that a person must look at. */
  readonly failedCount: number
}

interface OverviewPart {
  readonly transactions: {
    readonly activeCount: number
    readonly retryingCount: number
    readonly failedCount: number
    readonly lockCount: number
  }
}

const lookMs = 200

/** @param onLook told the current doubt at each look. Returns what is left after `limitMs`. */
export async function waitUntilSettled(
  httpUrl: string,
  limitMs: number,
  onLook: (doubt: Doubt) => void,
): Promise<Doubt> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const doubt = await readDoubt(httpUrl)
    onLook(doubt)
    const isSettled = doubt.openCount === 0 && doubt.lockCount === 0
    if (isSettled || performance.now() > endMs) return doubt
    await sleep(lookMs)
  }
}

async function readDoubt(httpUrl: string): Promise<Doubt> {
  const response = await fetch(`${httpUrl}/api/v1/overview`)
  const { transactions } = (await response.json()) as OverviewPart
  const { activeCount, retryingCount, failedCount, lockCount } = transactions
  return { openCount: activeCount + retryingCount, failedCount, lockCount }
}
