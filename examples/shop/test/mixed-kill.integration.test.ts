/**
 * The promise of the whole on PostgreSQL and MariaDB together: one global transaction spans both,
 * any process may die at any instant, and every purchase is done everywhere or nowhere.
 *
 * More of it: `SETTEE_SHOP_KILL_ROUNDS` (default 12), `SETTEE_SHOP_KILL_SECONDS` (no round begins
 * after so many; default: none), `SETTEE_SHOP_KILL_SEED` (default 2026). Hours of it are better run
 * with `node --test --conditions=@settee/source`, which waits for as long as it takes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../src/databases/engine.ts'
import { startShop, type Victim } from '../src/shop.ts'
import { runRounds } from './test-kill-rounds.ts'

const victims: readonly Victim[] = [
  'order',
  'stock',
  'stock-2',
  'account',
  'server',
  'postgres',
  'mariadb',
]
const maxRounds = numberOf('SETTEE_SHOP_KILL_ROUNDS', 12)
const maxSeconds = numberOf('SETTEE_SHOP_KILL_SECONDS', Infinity)
const seed = numberOf('SETTEE_SHOP_KILL_SEED', 2026)

test('nothing is half done on PostgreSQL and MariaDB together, whoever is killed', async (t) => {
  const shop = await startShop({
    db: 'mixed',
    // Not any free ones: an outgoing connection could take them while the control plane is dead.
    ports: { http: await freePort(), tx: await freePort(), registry: await freePort() },
    hasConsole: false,
    hasSecondStock: true,
    // Whoever waits for a dead process waits this long: short, so that there are many rounds.
    purchaseTimeoutMs: 1500,
    onProgress: () => {},
  })
  t.after(() => shop.stop())
  const reports = await runRounds({
    shop,
    seed,
    victims,
    maxRounds,
    maxMs: maxSeconds * 1000,
    onRound: ({ round, killed, askedCount, boughtCount, seconds, violations }) =>
      t.diagnostic(
        `round ${round} of seed ${seed}: killed ${killed.join(', ')}; ${boughtCount} of ` +
          `${askedCount} bought in ${seconds.toFixed(1)} s; ` +
          (violations.join('; ') || 'all holds'),
      ),
  })
  const kills = reports.flatMap(({ killed }) => killed)
  const counts = victims.map(
    (victim) => `${victim} ${kills.filter((killed) => killed === victim).length}`,
  )
  const sum = (of: 'askedCount' | 'boughtCount'): number =>
    reports.reduce((total, report) => total + report[of], 0)
  t.diagnostic(
    `${reports.length} rounds, ${kills.length} kills (${counts.join(', ')}) and as many of the ` +
      `control plane as rounds; ${sum('boughtCount')} of ${sum('askedCount')} bought`,
  )
  assert.deepEqual(
    reports.flatMap(({ violations }) => violations),
    [],
  )
  assert.ok(reports.length > 0)
})

function numberOf(variable: string, otherwise: number): number {
  const text = process.env[variable]
  return text === undefined ? otherwise : Number(text)
}
