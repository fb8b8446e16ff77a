/**
 * The promise of the whole: processes of the shop are killed at random instants while purchases go
 * on, and in the end every purchase is done everywhere or nowhere.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSeededRandom, isSetteeError, sleep } from '@settee/kit'
import { auditShop } from '../src/audit.ts'
import { makePurchase } from '../src/purchases.ts'
import { waitUntilSettled } from '../src/settle.ts'
import { startShop, type Shop, type Victim } from '../src/shop.ts'

const victims: readonly Victim[] = ['server', 'order', 'stock', 'account']
const buyerCount = 12
const settleLimitMs = 60_000

interface Run {
  readonly db: string
  readonly killCount: number
  readonly seed: number
  /** Longest time from a restart to the next kill, in ms. */
  readonly longestPauseMs: number
}

const runs: readonly Run[] = [
  { db: 'sqlite', killCount: 50, seed: 2026, longestPauseMs: 500 },
  // A service opens its connections and reads the catalogue first: that takes a second.
  { db: 'postgres', killCount: 10, seed: 7, longestPauseMs: 3000 },
]

describe('nothing is half done after', () => {
  for (const run of runs) {
    const { db, killCount, seed } = run
    test(`${killCount} kills at random instants, on ${db}`, async (t) => {
      const shop = await startShop({
        db,
        ports: { http: 0, tx: 0, registry: 0 },
        hasConsole: false,
        onProgress: () => {},
      })
      t.after(() => shop.stop())
      const killing = new AbortController()
      const buying = buyUntil(shop, seed, killing.signal)
      const killed = await killAtRandom(shop, run)
      killing.abort()
      const { toldBought } = await buying

      const doubt = await waitUntilSettled(shop.httpUrl, settleLimitMs, () => {})
      assert.deepEqual(doubt, { openCount: 0, lockCount: 0, failedCount: 0 })
      const audit = await auditShop(shop.databases)
      assert.deepEqual(audit.halfDone, [])
      assert.equal(audit.isConserved, true)
      assert.equal(audit.undoRowCount, 0)
      assert.ok(audit.xidOfOrder.size >= toldBought.length)
      for (const orderId of toldBought)
        assert.ok(audit.xidOfOrder.has(orderId), `${orderId} is lost`)
      assert.ok(toldBought.length > killCount, `only ${toldBought.length} purchases went through`)
      t.diagnostic(
        `killed ${killed.join(' ')}; ${toldBought.length} of ${audit.xidOfOrder.size} told`,
      )
    })
  }
})

/** Buys until the signal; what fails meanwhile is the buyers' bad luck, the audit's business. */
async function buyUntil(
  shop: Shop,
  seed: number,
  signal: AbortSignal,
): Promise<{ toldBought: readonly string[] }> {
  const toldBought: string[] = []
  let nextNumber = 0
  const buyer = async (): Promise<void> => {
    while (!signal.aborted) {
      const purchase = makePurchase(nextNumber++, seed)
      try {
        await shop.orders.purchase(purchase)
        toldBought.push(purchase.orderId)
      } catch (error) {
        if (!isSetteeError(error)) throw error
      }
    }
  }
  await Promise.all(Array.from({ length: buyerCount }, buyer))
  return { toldBought }
}

/** One after the other: each victim is back before the next one dies. */
async function killAtRandom(shop: Shop, run: Run): Promise<Victim[]> {
  const { killCount, seed, longestPauseMs } = run
  const random = createSeededRandom(seed)
  const killed: Victim[] = []
  while (killed.length < killCount) {
    await sleep(random.below(longestPauseMs))
    const victim = victims[random.below(victims.length)]!
    await shop.killAndRestart(victim)
    killed.push(victim)
  }
  return killed
}
