/**
 * `npm start`: purchases at a steady pace until Ctrl-C, while now and then a process is killed. The
 * console shows what becomes of them.
 */
import { isSetteeError, sleep } from '@settee/kit'
import { makePurchase } from './purchases.ts'
import type { Shop, Victim } from './shop.ts'
import type { ProgressLine } from './terminal.ts'

/** Pause between purchases of one buyer, in ms, and number of buyers. */
const pauseMs = 400
const buyerCount = 4
/** Time between two kills, in ms. */
const killPeriodMs = 20_000
const victims: readonly Victim[] = ['account', 'server', 'stock', 'order']

/** Runs until `signal` aborts. */
export async function runDemo(
  shop: Shop,
  progress: ProgressLine,
  signal: AbortSignal,
): Promise<void> {
  const seed = Date.now() % 1_000_000
  let nextNumber = 0
  let boughtCount = 0
  let failedCount = 0
  let lastFailure = ''

  async function buyer(): Promise<void> {
    while (!signal.aborted) {
      try {
        await shop.orders.purchase(makePurchase(nextNumber++, seed), { signal })
        boughtCount++
      } catch (error) {
        if (signal.aborted) return
        failedCount++
        lastFailure = isSetteeError(error) ? error.code : String(error)
      }
      progress.update(
        `${boughtCount} bought, ${failedCount} rolled back` +
          (lastFailure === '' ? '' : ` (last: ${lastFailure})`),
      )
      await pause(pauseMs, signal)
    }
  }

  async function killer(): Promise<void> {
    for (let turn = 0; ; turn++) {
      await pause(killPeriodMs, signal)
      if (signal.aborted) return
      const victim = victims[turn % victims.length]!
      progress.log(`  ✗ SIGKILL to ${victim}`)
      await shop.killAndRestart(victim)
      progress.log(`  ✓ ${victim} is back`)
    }
  }

  await Promise.all([...Array.from({ length: buyerCount }, buyer), killer()])
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const aborted = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  await Promise.race([sleep(ms), aborted])
}
