/**
 * Rounds of random kills: purchases go on all the time while one to three processes of the shop,
 * database servers among them, are killed at seeded random instants and restarted.
 *
 * ```
 * buy ── some end ── kill ── some end ── kill … all are back ── some are bought ── stop buying
 *     ── nothing in doubt ── audit by SQL ── kill the control plane: its journal says the same
 * ```
 *
 * What happened decides when a round goes on, not time: purchases that have ended or gone through,
 * processes that are ready, a coordinator with nothing open.
 */
import { createSeededRandom, isSetteeError, sleep, systemClock, type Random } from '@settee/kit'
import { auditWhenQuiet, type Audit } from '../src/audit.ts'
import { makePurchase } from '../src/purchases.ts'
import { waitUntilSettled } from '../src/settle.ts'
import type { Shop, Victim } from '../src/shop.ts'

export interface RoundsOptions {
  readonly shop: Shop
  readonly seed: number
  readonly victims: readonly Victim[]
  readonly maxRounds: number
  /** No round begins after this, in ms. */
  readonly maxMs: number
  readonly onRound: (report: RoundReport) => void
}

export interface RoundReport {
  readonly round: number
  readonly killed: readonly Victim[]
  readonly askedCount: number
  readonly boughtCount: number
  readonly seconds: number
  /** What does not hold, each in a sentence; empty when all is well. */
  readonly violations: readonly string[]
}

const buyerCount = 8
const mostKills = 3
/** Between two kills: most purchases that end, and most time on top of it, in ms. */
const mostEndedBetweenKills = 12
const mostPauseMs = 60
/** Purchases that go through after the last restart: the shop has recovered. */
const boughtAfterRestart = 4
const recoveryLimitMs = 60_000
const settleLimitMs = 60_000

/** Stops after the first round with a violation: what follows would say nothing more. */
export async function runRounds(options: RoundsOptions): Promise<readonly RoundReport[]> {
  const random = createSeededRandom(options.seed)
  const buyers = new Buyers(options.shop, options.seed)
  const reports: RoundReport[] = []
  const startedMs = performance.now()
  while (reports.length < options.maxRounds && performance.now() - startedMs < options.maxMs) {
    const report = await runRound(options, buyers, random, reports.length + 1)
    options.onRound(report)
    reports.push(report)
    if (report.violations.length > 0) break
  }
  return reports
}

async function runRound(
  { shop, victims }: RoundsOptions,
  buyers: Buyers,
  random: Random,
  round: number,
): Promise<RoundReport> {
  const startedMs = performance.now()
  const askedBefore = buyers.askedCount
  const boughtBefore = buyers.bought.length
  const stopBuying = buyers.start()
  const killed = await killAtRandom(shop, victims, buyers, random)
  const hasRecovered = await within(recoveryLimitMs, buyers.whenBought(boughtAfterRestart))
  await stopBuying()

  const violations = hasRecovered ? [] : ['nothing can be bought after all processes are back']
  violations.push(...(await findDoubt(shop)))
  const audit = await auditWhenQuiet(shop.databases)
  violations.push(...findHalfDone(audit, buyers.bought))
  const told = await readStates(shop.httpUrl)
  await shop.killAndRestart('server')
  violations.push(...findDisagreement(audit, told, await readStates(shop.httpUrl)))
  return {
    round,
    killed,
    askedCount: buyers.askedCount - askedBefore,
    boughtCount: buyers.bought.length - boughtBefore,
    seconds: (performance.now() - startedMs) / 1000,
    violations,
  }
}

/** Victims die while others are still on their way back. */
async function killAtRandom(
  shop: Shop,
  victims: readonly Victim[],
  buyers: Buyers,
  random: Random,
): Promise<readonly Victim[]> {
  const left = [...victims]
  const restarting: Promise<void>[] = []
  const killed: Victim[] = []
  const killCount = 1 + random.below(mostKills)
  while (killed.length < killCount) {
    await buyers.whenEnded(1 + random.below(mostEndedBetweenKills))
    await sleep(random.below(mostPauseMs))
    const [victim] = left.splice(random.below(left.length), 1)
    killed.push(victim!)
    restarting.push(shop.killAndRestart(victim!))
  }
  await Promise.all(restarting)
  return killed
}

/** Buyers who go on whatever they are told; what fails is the audit's business. */
class Buyers {
  readonly #shop: Shop
  readonly #seed: number
  /** Orders whose buyer was told that they are bought. */
  readonly bought: string[] = []
  askedCount = 0
  #endedCount = 0
  #watchers: (() => void)[] = []

  constructor(shop: Shop, seed: number) {
    this.#shop = shop
    this.#seed = seed
  }

  /** @returns stops: resolves when the last purchase has ended. */
  start(): () => Promise<void> {
    let isOpen = true
    const lane = async (): Promise<void> => {
      while (isOpen) await this.#buy()
    }
    const lanes = Promise.all(Array.from({ length: buyerCount }, lane))
    return async () => {
      isOpen = false
      await lanes
    }
  }

  /** Resolves when so many more purchases have ended, one way or another. */
  whenEnded(count: number): Promise<void> {
    const goal = this.#endedCount + count
    return this.#when(() => this.#endedCount >= goal)
  }

  /** Resolves when so many more purchases have gone through. */
  whenBought(count: number): Promise<void> {
    const goal = this.bought.length + count
    return this.#when(() => this.bought.length >= goal)
  }

  async #buy(): Promise<void> {
    const purchase = makePurchase(this.askedCount++, this.#seed)
    try {
      await this.#shop.orders.purchase(purchase)
      this.bought.push(purchase.orderId)
    } catch (error) {
      if (!isSetteeError(error)) throw error
    }
    this.#endedCount++
    for (const look of this.#watchers) look()
  }

  #when(isReached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isReached()) return
        this.#watchers = this.#watchers.filter((other) => other !== look)
        resolve()
      }
      this.#watchers.push(look)
    })
  }
}

/** Whether it came in time. */
function within(limitMs: number, event: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const limit = systemClock.after(limitMs, () => resolve(false))
    void event.then(() => {
      limit.cancel()
      resolve(true)
    })
  })
}

async function findDoubt(shop: Shop): Promise<readonly string[]> {
  const doubt = await waitUntilSettled(shop.httpUrl, settleLimitMs, () => {})
  return Object.entries(doubt)
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${what} is ${count} after ${settleLimitMs} ms without purchases`)
}

function findHalfDone(audit: Audit, bought: readonly string[]): readonly string[] {
  const violations: string[] = []
  if (audit.halfDone.length > 0) violations.push(`half done: ${audit.halfDone.join(', ')}`)
  if (!audit.isConserved) violations.push('stock or money is not conserved')
  if (audit.undoRowCount > 0) violations.push(`${audit.undoRowCount} undo rows are left`)
  const lost = bought.filter((orderId) => !audit.xidOfOrder.has(orderId))
  if (lost.length > 0) violations.push(`bought and lost: ${lost.slice(0, 10).join(', ')}`)
  return violations
}

/** `active`, `retrying`, `committed`, `rolledBack` or `failed`, by xid. */
type States = ReadonlyMap<string, string>

interface TransactionPage {
  readonly items: readonly { readonly xid: string; readonly state: string }[]
  /** Asks for the page that follows; null at the end. */
  readonly next: string | null
}

/** What the coordinator says of each transaction, up to what it keeps of those that ended. */
async function readStates(httpUrl: string): Promise<States> {
  const states = new Map<string, string>()
  let before: string | null = null
  do {
    const query: string = before === null ? '' : `&before=${before}`
    const response = await fetch(`${httpUrl}/api/v1/transactions?limit=200${query}`)
    const page = (await response.json()) as TransactionPage
    for (const { xid, state } of page.items) states.set(xid, state)
    before = page.next
  } while (before !== null)
  return states
}

/** The coordinator before its death, its journal and the databases must tell one story. */
function findDisagreement(audit: Audit, told: States, replayed: States): readonly string[] {
  const violations: string[] = []
  const ordered = new Set(audit.xidOfOrder.values())
  for (const [xid, state] of told) {
    if (replayed.get(xid) !== state) {
      violations.push(`${xid} was ${state}, and is ${replayed.get(xid)} after the restart`)
    }
    if ((state === 'committed') !== ordered.has(xid)) {
      violations.push(`${xid} is ${state}, but its order is ${ordered.has(xid) ? '' : 'not '}there`)
    }
  }
  return violations.slice(0, 10)
}
