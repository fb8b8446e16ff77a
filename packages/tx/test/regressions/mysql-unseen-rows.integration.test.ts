/**
 * Statements on MariaDB that changed rows of which no image was kept, so that a rollback left the
 * change in place. Each is now undone whole, or refused.
 */
import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import type { PoolConnection } from 'mysql2/promise'
import { createFixture, isRefused, type Fixture } from '../../src/client/at/mysql/test-fixture.ts'
import { startTestMariadb, type TestMariadb } from '../../src/client/at/mysql/test-mariadb.ts'

const schema = `
CREATE TABLE account (id INT AUTO_INCREMENT PRIMARY KEY, money INT, name VARCHAR(20) UNIQUE);
INSERT INTO account VALUES (1, 100, 'a'), (2, 100, 'b'), (3, 100, 'c');
CREATE TABLE word (id VARCHAR(3) PRIMARY KEY, money INT);
INSERT INTO word VALUES ('abc', 100), ('7', 100);
CREATE TABLE choice (id ENUM('p', 'q') PRIMARY KEY, money INT);
INSERT INTO choice VALUES ('p', 100), ('q', 100);
CREATE TABLE parent (id INT PRIMARY KEY, k INT UNIQUE);
INSERT INTO parent VALUES (1, 10), (2, 20);
`
const tables = ['account', 'word', 'choice', 'parent']

let server: TestMariadb
before(async () => {
  server = await startTestMariadb()
})
after(() => server.stop())

async function open(context: TestContext): Promise<Fixture> {
  const fixture = await createFixture(server, schema)
  context.after(() => fixture.close())
  return fixture
}

async function stateOf(fixture: Fixture): Promise<unknown> {
  const rows = []
  for (const table of tables) rows.push(await fixture.rows(`SELECT * FROM ${table} ORDER BY 1`))
  return rows
}

const undone: readonly (readonly [what: string, sql: string])[] = [
  [
    'an UPDATE of two tables whose aliases differ by case',
    'UPDATE account a JOIN account A ON A.id = a.id + 1 SET A.money = 0',
  ],
  [
    'a DELETE of two tables whose aliases differ by case',
    'DELETE A FROM account a JOIN account A ON A.id = a.id + 1',
  ],
  [
    'an upsert whose rows meet each other',
    "INSERT INTO account VALUES (9, 1, 'n'), (9, 2, 'm'), (10, 3, 'm') ON DUPLICATE KEY UPDATE " +
      'money = money + 1',
  ],
  [
    'an upsert that meets one row and misses another',
    "INSERT INTO account VALUES (1, 7, 'b'), (9, 7, 'z') ON DUPLICATE KEY UPDATE money = money + 1",
  ],
]

for (const [what, sql] of undone) {
  test(`a rollback takes back ${what}`, async (context) => {
    const fixture = await open(context)
    const first = await stateOf(fixture)
    const { xid } = await fixture.coordinator.run(() => fixture.pool.query(sql))
    assert.notDeepEqual(await stateOf(fixture), first)
    await fixture.coordinator.rollback(xid)
    assert.deepEqual(await stateOf(fixture), first)
  })
}

const refused: readonly (readonly [what: string, sql: string, reason: RegExp])[] = [
  [
    'an upsert whose key is rounded',
    "INSERT INTO account VALUES (1.4, 5, 'b') ON DUPLICATE KEY UPDATE money = 9",
    /key id is not known/,
  ],
  [
    'a REPLACE of several rows whose key is rounded',
    "REPLACE INTO account VALUES (1.4, 7, 'x'), (8, 8, 'y')",
    /key id is not known/,
  ],
  [
    'an upsert with FALSE as the next number',
    'INSERT INTO account (id, money) VALUES (FALSE, 7) ON DUPLICATE KEY UPDATE money = 9',
    /key id is not known/,
  ],
  [
    'an upsert with a number that a text stores otherwise',
    'INSERT INTO word VALUES (007, 7) ON DUPLICATE KEY UPDATE money = 9',
    /key id is not known/,
  ],
  [
    'an upsert with the number of a member of an ENUM',
    "INSERT INTO choice VALUES ('2', 7) ON DUPLICATE KEY UPDATE money = 9",
    /key id is not known/,
  ],
  [
    'an upsert that changes the key of a row that it has just made',
    "INSERT INTO account (money, name) VALUES (5, 'n'), (6, 'n') ON DUPLICATE KEY UPDATE name " +
      "= 'm'",
    /found again/,
  ],
  [
    'a REPLACE with rows of a random query',
    'REPLACE INTO word SELECT id, 5 FROM word ORDER BY RAND() LIMIT 1',
    /random values/,
  ],
  [
    'an INSERT that assigns a variable in a key',
    'INSERT INTO account (id, money) VALUES (@n := 8, @n), (@n := @n + 1, @n)',
    /assignment to a variable/,
  ],
  [
    'an UPDATE that assigns a variable in its condition',
    'UPDATE account SET money = 0 WHERE (@n := COALESCE(@n, 0) + 1) = 2',
    /assignment to a variable/,
  ],
  [
    'USE in front of another statement',
    'USE mysql; UPDATE account SET money = 0',
    /USE with other/,
  ],
]

for (const [what, sql, reason] of refused) {
  test(`${what} is refused and changes nothing`, async (context) => {
    const fixture = await open(context)
    const first = await stateOf(fixture)
    const running = fixture.coordinator.run(() => fixture.pool.query(sql))
    await assert.rejects(running, isRefused(reason))
    assert.deepEqual(await stateOf(fixture), first)
  })
}

test('an upsert whose key is cut off in a loose sql_mode is refused', async (context) => {
  const fixture = await open(context)
  const first = await stateOf(fixture)
  const connection: PoolConnection = await fixture.pool.getConnection()
  await connection.query("SET sql_mode = ''")
  const running = fixture.coordinator.run(() =>
    connection.query("INSERT INTO word VALUES ('abcd', 7) ON DUPLICATE KEY UPDATE money = 9"),
  )
  await assert.rejects(running, isRefused(/found again/))
  connection.release()
  assert.deepEqual(await stateOf(fixture), first)
})

test('a foreign key that came after the first DELETE keeps its rows', async (context) => {
  const fixture = await open(context)
  const { coordinator, plain, pool } = fixture
  await coordinator.run(() => pool.query('DELETE FROM parent WHERE id = 99'))
  await plain.query(
    'CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ' +
      'ON DELETE CASCADE); INSERT INTO child VALUES (1, 1)',
  )
  const running = coordinator.run(() => pool.query('DELETE FROM parent WHERE id = 1'))
  await assert.rejects(running, isRefused(/foreign key/))
  assert.deepEqual(await fixture.rows('SELECT * FROM child'), [[1, 1]])
})
