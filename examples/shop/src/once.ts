/**
 * `npm start -- --once`: a bounded number of purchases while processes are killed, then the audit.
 * Its last line is one JSON object for machines; it succeeds only if every invariant holds.
 */
import { isSetteeError } from '@settee/kit'
import { formatTable } from 'settee/table'
import { auditWhenQuiet, type Audit } from './audit.ts'
import { makePurchase } from './purchases.ts'
import { waitUntilSettled, type Doubt } from './settle.ts'
import type { Shop, Victim } from './shop.ts'
import { bar, type ProgressLine } from './terminal.ts'

export interface OnceOptions {
  readonly purchases: number
  readonly concurrency: number
  readonly seed: number
}

/** Who is killed when which share of the purchases is through. */
const kills: readonly { readonly victim: Victim; readonly share: number }[] = [
  { victim: 'account', share: 0.3 },
  { victim: 'server', share: 0.6 },
]

const settleLimitMs = 120_000

/** @returns whether everything held. */
export async function runOnce(
  shop: Shop,
  options: OnceOptions,
  progress: ProgressLine,
): Promise<boolean> {
  const startedMs = performance.now()
  const { outcomes, killed } = await buy(shop, options, progress)
  const doubt = await waitUntilSettled(shop.httpUrl, settleLimitMs, ({ openCount, lockCount }) =>
    progress.update(`settling: ${openCount} transactions open, ${lockCount} rows locked`),
  )
  const audit = await auditWhenQuiet(shop.databases, ({ undoRowCount }) =>
    progress.update(`settling: ${undoRowCount} undo rows are being deleted`),
  )
  progress.end()
  return report({ options, outcomes, killed, doubt, audit, startedMs })
}

/** Number of purchases by what their caller was told: `ok` or an error code. */
type Outcomes = Map<string, number>

async function buy(
  shop: Shop,
  options: OnceOptions,
  progress: ProgressLine,
): Promise<{ outcomes: Outcomes; killed: readonly Victim[] }> {
  const { purchases, concurrency, seed } = options
  const outcomes: Outcomes = new Map()
  const killed: Victim[] = []
  const killing: Promise<void>[] = []
  let nextNumber = 0
  let doneCount = 0

  async function kill(victim: Victim): Promise<void> {
    progress.log(`  ✗ SIGKILL to ${victim} after ${doneCount} purchases`)
    await shop.killAndRestart(victim)
    killed.push(victim)
    progress.log(`  ✓ ${victim} is back`)
  }

  async function lane(): Promise<void> {
    while (nextNumber < purchases) {
      const purchase = makePurchase(nextNumber++, seed)
      const outcome = await shop.orders.purchase(purchase).then(
        () => 'ok',
        (error: unknown) => (isSetteeError(error) ? error.code : 'unknown error'),
      )
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      doneCount++
      progress.update(`buying   ${bar(doneCount, purchases)}`)
      const due = kills[killing.length]
      if (due !== undefined && doneCount >= due.share * purchases) killing.push(kill(due.victim))
    }
  }

  await Promise.all(Array.from({ length: concurrency }, lane))
  await Promise.all(killing)
  return { outcomes, killed }
}

interface Findings {
  readonly options: OnceOptions
  readonly outcomes: Outcomes
  readonly killed: readonly Victim[]
  readonly doubt: Doubt
  readonly audit: Audit
  readonly startedMs: number
}

function report(findings: Findings): boolean {
  const { options, outcomes, killed, doubt, audit, startedMs } = findings
  const { purchases } = options
  const committed = audit.xidOfOrder.size
  const told = outcomes.get('ok') ?? 0
  const checks: readonly (readonly [name: string, value: string, holds: boolean])[] = [
    ['purchases', String(purchases), true],
    ['committed', String(committed), committed > 0],
    ['rolled back', String(purchases - committed), true],
    // A caller that was told "bought" must find its order.
    ['told "bought"', String(told), told <= committed],
    ['transactions in doubt', String(doubt.openCount), doubt.openCount === 0],
    ['transactions that need a person', String(doubt.failedCount), doubt.failedCount === 0],
    ['orders half done', audit.halfDone.join(', ') || '0', audit.halfDone.length === 0],
    ['stock and money conserved', audit.isConserved ? 'yes' : 'NO', audit.isConserved],
    ['undo rows left', String(audit.undoRowCount), audit.undoRowCount === 0],
    ['global locks left', String(doubt.lockCount), doubt.lockCount === 0],
    ['killed and restarted', killed.join(', '), killed.length === kills.length],
  ]
  const rows = checks.map(([name, value, holds]) => [holds ? '✓' : '✗', name, value])
  print(`\n${formatTable(['', 'check', 'value'], rows)}\n`)
  const failures = [...outcomes]
    .filter(([code]) => code !== 'ok')
    .map(([code, n]) => [code, `${n}`])
  if (failures.length > 0) print(`${formatTable(['what buyers were told', 'times'], failures)}\n`)
  if (audit.defenceRowCount > 0) {
    print(
      `  ${audit.defenceRowCount} defence rows keep late work of killed processes out; ` +
        'they hold no data\n  and are deleted after seven days\n',
    )
  }
  print(
    JSON.stringify({
      purchases,
      committed,
      rolledBack: purchases - committed - doubt.openCount,
      inDoubt: doubt.openCount,
      conserved: audit.isConserved && audit.halfDone.length === 0,
      undoRows: audit.undoRowCount,
      locks: doubt.lockCount,
      killed,
      seconds: Number(((performance.now() - startedMs) / 1000).toFixed(1)),
    }),
  )
  return checks.every(([, , holds]) => holds)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
