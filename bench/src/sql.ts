/**
 * Parsing of OLTP statements in this process: by the cache of texts, by the cache of digests, and
 * without a cache. The peer is libpg-query, PostgreSQL's own grammar as WebAssembly, which gets
 * the same statements with its own placeholders and quotes. One operation is one statement.
 *
 * With a cache the texts are the constants of an application, so their hashes are known; the
 * digest sees new literals each time, as from a client that writes values into its SQL.
 */
import { createRequire } from 'node:module'
import { createMysqlParser, defaultMysqlMode, parseMysql } from '@settee/sql/mysql'
import { loadModule, parseSync } from 'libpg-query'
import { createReport, measure, type BenchOptions, type Figures, type Row } from './harness.ts'
import manifest from '../package.json' with { type: 'json' }

const statements: readonly string[] = [
  'SELECT id, owner, balance, currency, version FROM account WHERE id = ? AND tenant_id = ? ' +
    'LIMIT 1',
  'SELECT `id`, `balance` FROM `account` WHERE `id` IN (?, ?, ?, ?) ORDER BY `id` FOR UPDATE',
  'UPDATE account SET balance = balance - ?, version = version + 1, updated_at = NOW() WHERE ' +
    'id = ? AND version = ?',
  'INSERT INTO entry (id, account_id, amount, kind, memo, created_at) VALUES (?, ?, ?, ?, ?, ' +
    'CURRENT_TIMESTAMP)',
  'SELECT o.id, o.amount, u.name FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE ' +
    "o.status = 'PAID' AND o.created_at > ? ORDER BY o.created_at DESC LIMIT 20",
  'DELETE FROM session WHERE user_id = ? AND expires_at < NOW()',
  "UPDATE orders SET status = CASE WHEN amount > 1000 THEN 'CHECK' ELSE 'NEW' END WHERE " +
    "user_id = ? AND status = 'OPEN'",
  'SELECT status, COUNT(*) AS n, SUM(amount) AS total FROM orders WHERE created_at BETWEEN ? ' +
    'AND ? GROUP BY status HAVING COUNT(*) > 1',
  'INSERT INTO orders (id, user_id, amount) VALUES (?, ?, ?), (?, ?, ?), (?, ?, ?)',
  'SELECT * FROM product WHERE name LIKE ? AND price >= 9.90 AND deleted_at IS NULL ORDER BY ' +
    'price, id LIMIT 50',
  'SELECT EXISTS (SELECT 1 FROM coupon WHERE code = ? AND used_by IS NULL) AS usable',
  'COMMIT',
]

/** The same for PostgreSQL: numbered placeholders, its own quotes. */
const postgresStatements = statements.map((text) => {
  let number = 0
  return text.replaceAll('?', () => `$${++number}`).replaceAll('`', '"')
})

export async function run(options: BenchOptions): Promise<Row[]> {
  const report = createReport('sql', options)
  const { version } = manifest
  const cached = createMysqlParser()
  const byText = await rate(statements, (text) => cached.parse(text, defaultMysqlMode), options)
  report.add({ case: 'known text', system: 'settee', version, ours: true, figures: byText })

  const digesting = createMysqlParser()
  const literal = statements.slice(0, -1).flatMap(withLiterals)
  const byDigest = await rate(literal, (text) => digesting.digest(text, defaultMysqlMode), options)
  report.add({ case: 'known digest', system: 'settee', version, ours: true, figures: byDigest })

  const parsed = await rate(statements, (text) => parseMysql(text, defaultMysqlMode), options)
  report.add({ case: 'no cache', system: 'settee', version, ours: true, figures: parsed })

  await loadModule()
  const peer = await rate(postgresStatements, (text) => parseSync(text), options)
  const { version: peerVersion } = createRequire(import.meta.url)('libpg-query/package.json') as {
    version: string
  }
  const system = 'libpg-query'
  report.add({ case: 'no cache', system, version: peerVersion, ours: false, figures: peer })
  return report.rows()
}

/** The statement with numbers for its parameters, in a hundred variations. */
function withLiterals(text: string): readonly string[] {
  return Array.from({ length: 100 }, (_, at) => {
    let number = at * 1000
    return text.replaceAll('?', () => String(number++))
  })
}

/** One pass over `texts` is one start, so that the clock is not read for every statement. */
async function rate(
  texts: readonly string[],
  parse: (text: string) => unknown,
  options: BenchOptions,
): Promise<Figures> {
  const { opsPerSecond, opsPerCpuSecond, cpuUsPerOp } = await measure(
    {
      inFlight: 1,
      opsPerStart: texts.length,
      start(done) {
        for (const text of texts) parse(text)
        done()
      },
    },
    options,
  )
  return { opsPerSecond: opsPerSecond!, opsPerCpuSecond: opsPerCpuSecond!, cpuUsPerOp: cpuUsPerOp! }
}
