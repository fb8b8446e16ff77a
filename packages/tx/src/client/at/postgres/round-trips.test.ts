/** How often the database is asked: what a statement costs beside the coordinator. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
import { withOwn } from './pg-driver.ts'
import { createFixture, type Fixture } from './test-fixture.ts'
import { asOlderServer } from './test-older-server.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

/** A pool whose clients write down what they are asked. */
function recording(pool: pg.Pool, log: string[]): pg.Pool {
  const queryPool = pool.query.bind(pool) as (...args: unknown[]) => unknown
  return withOwn(pool, {
    query: (...args: unknown[]) => queryPool(...args),
    connect: async () => {
      const client = await pool.connect()
      const queryClient = client.query.bind(client) as (...args: unknown[]) => unknown
      const query = (...args: unknown[]): unknown => {
        const [{ text }] = args as [{ text: string }]
        log.push((text.match(/^\w+( INTO \S*undo_log)?|; COMMIT$/g) ?? ['catalog']).join(''))
        return queryClient(...args)
      }
      return withOwn(client, { query })
    },
  })
}

const undo = 'INSERT INTO public.undo_log; COMMIT'

describe('round trips of a statement of its own, when its table is known', () => {
  let server: TestPostgres
  before(async () => {
    server = await startTestPostgres()
  })
  after(() => server.stop())

  async function tripsOf(fixture: Fixture, log: string[], sql: string): Promise<string[]> {
    const run = () => fixture.coordinator.run(() => fixture.pool.query(sql, [1]))
    const { xid } = await run()
    await fixture.coordinator.commit(xid)
    log.length = 0
    const second = await run()
    const trips = [...log]
    await fixture.coordinator.commit(second.xid)
    return trips
  }

  const schema = 'CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1)'
  const update = 'UPDATE t SET v = v + 1 WHERE id = $1'

  test('PostgreSQL 18: BEGIN, the statement, the undo log with COMMIT', async () => {
    const log: string[] = []
    const fixture = await createFixture(server, schema, { wrap: (pool) => recording(pool, log) })
    assert.deepEqual(await tripsOf(fixture, log, update), ['BEGIN', 'UPDATE', undo])
    const upsert = 'INSERT INTO t VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET v = t.v + 1'
    assert.deepEqual(await tripsOf(fixture, log, upsert), ['BEGIN', 'INSERT', undo])
  })

  test('before: the rows of an UPDATE are read first', async () => {
    const log: string[] = []
    const wrap = (pool: pg.Pool): pg.Pool => asOlderServer(recording(pool, log))
    const fixture = await createFixture(server, schema, { wrap })
    assert.deepEqual(await tripsOf(fixture, log, update), ['BEGIN', 'SELECT', 'UPDATE', undo])
  })
})

test('an undo log of many megabytes is compressed and read again', async () => {
  const server = await startTestPostgres()
  try {
    const schema = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')"
    const { coordinator, pool, plain } = await createFixture(server, schema)
    const { xid } = await coordinator.run(async () => {
      await pool.query('UPDATE t SET v = $1', ['é'.repeat(6_000_000)])
    })
    const { rows } = await plain.query(
      'SELECT context, length(rollback_info) AS size FROM undo_log',
    )
    const [row] = rows as [{ context: string; size: number }]
    assert.equal(row.context, 'serializer=jackson&compressorType=ZIP')
    assert.ok(row.size < 100_000, String(row.size))
    await coordinator.rollback(xid)
    assert.deepEqual((await plain.query('SELECT v FROM t')).rows, [{ v: 'a' }])
  } finally {
    await server.stop()
  }
})
