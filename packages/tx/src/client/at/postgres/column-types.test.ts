import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createFixture, isRefused, type Fixture } from './test-fixture.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

/** Column type, a value that must survive, and another one to overwrite it with. */
const types: [type: string, value: string, other: string][] = [
  ['smallint', '-32768', '1'],
  ['integer', '2147483647', '1'],
  ['bigint', '9223372036854775807', '1'],
  ['oid', '4294967295', '1'],
  ['numeric', '0.00000000000000000001', '1'],
  ['numeric', "'NaN'", '1'],
  ['numeric', "'-Infinity'", '1'],
  ['numeric(30,10)', '12345678901234567890.0000000001', '1'],
  ['real', '3.4028235e38', '1'],
  ['real', "'NaN'", '1'],
  ['double precision', '0.1::float8 + 0.2::float8', '5'],
  ['double precision', "'-Infinity'", '1e300'],
  ['double precision', "'-0'", '1'],
  ['money', '-1234567.89', '1'],
  ['boolean', 'true', 'false'],
  ['text', `E'quote" back\\\\slash {a,b} \\n tab\\t é 😀'`, "''"],
  ['text', "''", "'x'"],
  ['varchar(10)', "'NULL'", "'x'"],
  ['char(6)', "'ab'", "'x'"],
  ['"char"', "'\\001'", "'x'"],
  ['name', "'a name'", "'x'"],
  ['bytea', "'\\x00ff5c27'", "''"],
  ['date', "'2024-02-29'", "'2000-01-01'"],
  ['date', "'infinity'", "'2000-01-01'"],
  ['date', "'0044-03-15 BC'", "'2000-01-01'"],
  ['time', "'23:59:59.123456'", "'00:00'"],
  ['time', "'24:00:00'", "'00:00'"],
  ['timetz', "'12:34:56.5+05:30'", "'00:00+00'"],
  ['timestamp', "'2024-03-31 02:30:00.000001'", "'2000-01-01'"],
  ['timestamp', "'-infinity'", "'2000-01-01'"],
  ['timestamp', "'294276-12-31 23:59:59.999999'", "'2000-01-01'"],
  ['timestamptz', "'2024-10-27 02:30:00.123456+01'", "'2000-01-01'"],
  ['timestamptz', "'1883-11-18 12:00:00+00'", "'2000-01-01'"],
  ['timestamptz', "'infinity'", "'2000-01-01'"],
  ['interval', "'1 year -2 mons 3 days -04:05:06.789'", "'1 day'"],
  ['uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", 'gen_random_uuid()'],
  ['json', `'{"b": 1.0,  "a":[1, 2 ], "a":null}'`, "'1'"],
  ['jsonb', `'{"n": 100000000000000000000.10, "s": "\\u00e9"}'`, "'1'"],
  ['xml', '\'<a b="c">d</a>\'', "'<x/>'"],
  ['inet', "'10.1.2.3'", "'::1/64'"],
  ['cidr', "'2001:db8::/32'", "'10.0.0.0/8'"],
  ['macaddr', "'08:00:2b:01:02:03'", "'00:00:00:00:00:00'"],
  ['bit(5)', "B'10110'", "B'00000'"],
  ['varbit', "B'1'", "B''"],
  ['point', "'(0.1,-2e100)'", "'(0,0)'"],
  ['circle', "'<(1,2),3>'", "'<(0,0),0>'"],
  ['tsvector', `'''a b'':1A c:2'`, "''"],
  ['tsquery', "'a & !b'", "'x'"],
  ['pg_lsn', "'16/B374D848'", "'0/0'"],
  ['int4range', "'[1,10)'", "'empty'"],
  ['tstzrange', "'[2024-01-01 00:00+00, 2024-06-01 00:00+00)'", "'empty'"],
  ['int8multirange', "'{[1,3),[5,9)}'", "'{}'"],
  ['integer[]', "'{{1,NULL},{3,4}}'", "'{}'"],
  ['text[]', `ARRAY['a,b', 'c"d', 'NULL', NULL, '', E'x\\\\y']`, "'{}'"],
  ['timestamptz[]', "ARRAY['2024-07-01 00:00:00.5+00'::timestamptz]", "'{}'"],
  ['numeric[]', "'{NaN,1.10}'", "'{}'"],
  ['mood', "'so so'", "'sad'"],
  ['mood[]', `'{"so so",sad}'`, "'{}'"],
  ['positive', '5', '6'],
  ['moment', "'2024-07-01 00:00+00'", "'2000-01-01'"],
  ['pair', `ROW('a "quoted", one', 2)::pair`, 'ROW(NULL, NULL)::pair'],
]

const columns = types.map(([type], i) => `c${i} ${type}`).join(', ')
const values = types.map(([, value]) => value).join(', ')
const nulls = types.map(() => 'NULL').join(', ')
const others = types.map(([, , other], i) => `c${i} = ${other}`).join(', ')

const schema = `
CREATE TYPE mood AS ENUM ('sad', 'so so');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN moment AS timestamptz;
CREATE TYPE pair AS (a text, b int);
CREATE TABLE every (id int PRIMARY KEY, ${columns});
INSERT INTO every VALUES (1, ${values}), (2, ${nulls});
CREATE TABLE keyed_by_time
  (at timestamptz, tag char(4), n numeric, v int, PRIMARY KEY (at, tag, n));
INSERT INTO keyed_by_time VALUES ('2024-01-01 00:00+03', 'a,b', 1.0, 1), ('2024-01-02', 'x', 2, 2);
`

describe('column types', () => {
  let server: TestPostgres
  let fixture: Fixture
  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema)
  })
  after(() => server.stop())

  const names = types.map((_, i) => `c${i}`).join(', ')
  const statements = {
    UPDATE: `UPDATE every SET ${others}`,
    DELETE: 'DELETE FROM every',
    INSERT: `INSERT INTO every SELECT id + 2, ${names} FROM every`,
  }

  for (const [name, statement] of Object.entries(statements)) {
    test(`${types.length} columns survive the undo of ${name}, as values and as NULL`, async () => {
      const { coordinator, pool, dirty } = fixture
      const earlier = await fixture.dump('every')
      const { xid } = await coordinator.run(() => pool.query(statement))
      assert.notDeepEqual(await fixture.dump('every'), earlier)
      assert.deepEqual([await coordinator.rollback(xid), dirty], [[8], []])
      assert.deepEqual(await fixture.dump('every'), earlier)
    })
  }

  test('an untouched row counts as untouched whatever its types are', async () => {
    const { coordinator, pool, dirty } = fixture
    const { xid } = await coordinator.run(() => pool.query('DELETE FROM every WHERE id = 1'))
    await coordinator.rollback(xid)
    const again = await coordinator.run(() => pool.query(`UPDATE every SET ${others} WHERE id = 2`))
    assert.deepEqual(await coordinator.rollback(again.xid), [8])
    assert.deepEqual(dirty, [])
  })

  test('sessions with different settings agree about a row', async () => {
    const { coordinator, pool, dirty } = fixture
    const earlier = await fixture.dump('every')
    const client = await pool.connect()
    await client.query("SET TimeZone = 'Asia/Kathmandu'; SET bytea_output = 'escape'")
    const { xid } = await coordinator.run(() => client.query(statements.INSERT))
    await client.query('RESET ALL')
    client.release()
    assert.deepEqual([await coordinator.rollback(xid), dirty], [[8], []])
    assert.deepEqual(await fixture.dump('every'), earlier)
  })

  test('keys of awkward types find their rows again', async () => {
    const { coordinator, pool } = fixture
    const earlier = await fixture.dump('keyed_by_time')
    const { xid } = await coordinator.run(async () => {
      await pool.query("UPDATE keyed_by_time SET v = 5 WHERE tag = 'a,b'")
      await pool.query('DELETE FROM keyed_by_time')
    })
    const keys = coordinator.registrations.at(-1)!.lockKeys.slice('keyed_by_time:'.length)
    assert.deepEqual(keys.split(',').toSorted(), [
      '2023-12-31 21:00:00_a%2Cb _1',
      '2024-01-02 00:00:00_x   _2',
    ])
    assert.deepEqual(await coordinator.rollback(xid), [8, 8])
    assert.deepEqual(await fixture.dump('keyed_by_time'), earlier)
  })

  const lossy = [
    "DateStyle = 'SQL, DMY'",
    'extra_float_digits = 0',
    "IntervalStyle = 'sql_standard'",
  ]
  for (const setting of lossy) {
    test(`a session with ${setting} is refused: its texts lose digits or order`, async () => {
      const { coordinator, pool } = fixture
      const client = await pool.connect()
      await client.query(`SET ${setting}`)
      const earlier = await fixture.dump('every')
      const xid = coordinator.begin()
      await coordinator.within(xid, async () => {
        await assert.rejects(client.query('DELETE FROM every'), isRefused(/loses digits or order/))
      })
      assert.deepEqual(coordinator.branchesOf(xid), [])
      await client.query('RESET ALL')
      client.release()
      assert.deepEqual(await fixture.dump('every'), earlier)
    })
  }
})
