import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import postgres from 'postgres'
import { createPostgresJsResource } from '../postgres-resource.ts'
import { createFixture, isRefused, type Fixture } from '../test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../test-postgres.ts'

const schema = `CREATE TABLE t (id int PRIMARY KEY, v int, tags text[], doc jsonb, at timestamptz);
INSERT INTO t VALUES (1, 1, '{a,"b c"}', '{"a": 1}', '2024-01-01Z'), (2, 2, NULL, NULL, NULL)`

describe('postgres.js', () => {
  let server: TestPostgres
  let fixture: Fixture
  let plain: postgres.Sql
  let sql: postgres.Sql
  let earlier: unknown[]
  before(async () => {
    server = await startTestPostgres()
  })
  after(() => server.stop())
  beforeEach(async () => {
    fixture = await createFixture(server, schema)
    const { host, port, user, database } = fixture.plain.options
    const password = 'settee'
    plain = postgres({ host: host!, port: port!, user: user!, database: database!, password })
    const wrapped = createPostgresJsResource({
      sql: plain,
      port: fixture.coordinator,
    })
    sql = wrapped.sql
    fixture.coordinator.add(wrapped.resource)
    earlier = await fixture.dump('t')
  })
  afterEach(() => plain.end({ timeout: 1 }))

  /** Runs `work` in a global transaction that is rolled back, and gives what it gave. */
  async function undone<Result>(work: () => Promise<Result>, branches = 1): Promise<Result> {
    const { coordinator } = fixture
    const { xid, result } = await coordinator.run(work)
    assert.equal(coordinator.branchesOf(xid).length, branches)
    await coordinator.rollback(xid)
    assert.deepEqual(await fixture.dump('t'), earlier)
    assert.equal(await fixture.undoCount(), 0)
    return result
  }

  test('tagged queries with values, helpers and fragments', async () => {
    const filter = (id: number) => plain`WHERE id = ${id}`
    const rows = await undone(async () => {
      await sql`INSERT INTO t ${sql({ id: 3, v: 3, tags: ['x', 'y"'], doc: sql.json({ z: [1] }) })}`
      await sql`INSERT INTO t ${sql(
        [
          { id: 4, v: 1 },
          { id: 5, v: 2 },
        ],
        'id',
        'v',
      )}`
      await sql`UPDATE ${sql('t')} SET ${sql({ v: 9, at: new Date(0) }, 'v', 'at')} ${filter(1)}`
      await sql`DELETE FROM t WHERE id IN ${sql([4, 5])}`
      return sql`UPDATE t SET v = v + ${1} WHERE id IN (1, 3) RETURNING *`
    }, 5)
    assert.equal(rows.count, 2)
    assert.equal(rows.command, 'UPDATE')
    assert.deepEqual(
      rows.toSorted((a, b) => Number(a['id']) - Number(b['id'])),
      [
        { id: 1, v: 10, tags: ['a', 'b c'], doc: { a: 1 }, at: new Date(0) },
        { id: 3, v: 4, tags: ['x', 'y"'], doc: { z: [1] }, at: null },
      ],
    )
  })

  test('unsafe, values and raw', async () => {
    const [values, raw] = await undone(
      () =>
        Promise.all([
          sql.unsafe('UPDATE t SET v = $1 WHERE id = 1 RETURNING id, v', [5]).values(),
          sql`DELETE FROM t WHERE id = 2 RETURNING v`.raw(),
        ]),
      2,
    )
    assert.deepEqual([...values], [[1, 5]])
    assert.deepEqual([...raw], [[Buffer.from('2')]])
  })

  test('several statements in one string', async () => {
    const results: unknown = await undone(() =>
      sql.unsafe('UPDATE t SET v = 0; DELETE FROM t WHERE id = 2 RETURNING id').then((all) => all),
    )
    const [update, removed] = results as [postgres.RowList<never[]>, postgres.RowList<never[]>]
    assert.deepEqual([update.count, [...removed]], [2, [{ id: 2 }]])
  })

  test('begin is one branch, with savepoints', async () => {
    const result = await undone(() =>
      sql.begin('read write', async (inner) => {
        await inner`UPDATE t SET v = 7 WHERE id = 1`
        await assert.rejects(
          inner.savepoint(async (deeper) => {
            await deeper`DELETE FROM t`
            throw new Error('no')
          }),
          /no/,
        )
        const seen: unknown[] = []
        await inner`SELECT v FROM t ORDER BY id`.forEach((row) => seen.push(row['v']))
        await inner.savepoint('named', (deeper) => [deeper`UPDATE t SET v = 8 WHERE id = 2`])
        return seen
      }),
    )
    assert.deepEqual(result, [7, 2])
  })

  test('begin that fails leaves nothing', async () => {
    await undone(async () => {
      const failing = sql.begin(async (inner) => {
        await inner`UPDATE t SET v = 7`
        await inner`INSERT INTO t (id) VALUES (1)`
      })
      await assert.rejects(failing, /duplicate key/)
    }, 0)
  })

  test('what reads goes on as ever: cursors, describe, forEach', async () => {
    const seen = await undone(async () => {
      const rows: unknown[] = []
      await sql`SELECT id FROM t ORDER BY id`.cursor(1, (batch) => void rows.push(...batch))
      const { columns } = await sql`SELECT v FROM t`.describe()
      return [...rows, columns[0]!.name]
    }, 0)
    assert.deepEqual(seen, [{ id: 1 }, { id: 2 }, 'v'])
  })

  test('what cannot be held is refused with the reason', async () => {
    await undone(async () => {
      const cursor = sql`DELETE FROM t RETURNING id`.cursor(1, () => {})
      await assert.rejects(cursor, isRefused(/^a cursor, forEach, describe or stream/))
      await assert.rejects(sql.reserve(), isRefused(/^reserve was refused.*use begin/))
      assert.throws(() => sql.file('x.sql'), isRefused(/^file was refused/))
      await assert.rejects(sql`BEGIN`, isRefused(/^BEGIN on a pool was refused/))
      await assert.rejects(sql`TRUNCATE t`, isRefused(/^TRUNCATE was refused/))
    }, 0)
  })

  test('a transaction from outside cannot be used inside', async () => {
    const { coordinator } = fixture
    await sql.begin(async (inner) => {
      await inner`SELECT 1`
      const inside = coordinator.run(() => inner`UPDATE t SET v = 0`.then(() => {}))
      await assert.rejects(
        inside,
        isRefused(/^a query of a transaction or connection from outside/),
      )
    })
  })
})
