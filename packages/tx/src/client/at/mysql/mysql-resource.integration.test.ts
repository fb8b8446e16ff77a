import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import type { ResultSetHeader } from 'mysql2/promise'
import { BranchStatus } from '../../../protocol/status.ts'
import { createFixture, hasCode, isRefused, type Fixture } from './test-fixture.ts'
import { startTestMariadb, type TestMariadb } from './test-mariadb.ts'

const schema = `
CREATE TABLE account (id INT AUTO_INCREMENT PRIMARY KEY, money INT, name VARCHAR(20) UNIQUE);
INSERT INTO account VALUES (1, 100, 'a'), (2, 100, 'b'), (3, 100, 'c');
`
const untouched = [
  [1, 100, 'a'],
  [2, 100, 'b'],
  [3, 100, 'c'],
]
const selectAccounts = 'SELECT id, money, name FROM account ORDER BY id'
const rolledBack = [BranchStatus.PhaseTwo_Rollbacked]
const needsPerson = [BranchStatus.PhaseTwo_RollbackFailed_Unretryable]

let server: TestMariadb
before(async () => {
  server = await startTestMariadb()
})
after(() => server.stop())

async function open(
  context: TestContext,
  sql = schema,
  options: Parameters<typeof createFixture>[2] = {},
): Promise<Fixture> {
  const fixture = await createFixture(server, sql, options)
  context.after(() => fixture.close())
  return fixture
}

/** Statements whose answer is looked at too: it must be the one without AT mode. */
const answered = [
  'UPDATE account SET money = money - 30 WHERE id >= 2',
  'UPDATE account SET money = 100',
  'UPDATE account SET money = 1 WHERE id = 77',
  'UPDATE account SET money = 1 ORDER BY id DESC LIMIT 2',
  'UPDATE account a JOIN account b ON b.id = a.id + 1 SET a.money = b.money + 1',
  'UPDATE account SET money = 2 WHERE id IN (SELECT MAX(x.id) FROM account AS x)',
  'DELETE FROM account WHERE money = 100 ORDER BY id LIMIT 2',
  'DELETE a FROM account a LEFT JOIN account b ON b.id = a.id + 1 WHERE b.id IS NULL',
  'DELETE FROM a USING account a JOIN account b ON b.id = a.id + 1',
  "INSERT INTO account (money, name) VALUES (1, 'x'), (2, 'y')",
  "INSERT INTO account SET money = 1, name = 'x'",
  "INSERT INTO account VALUES (DEFAULT, 1, UUID_SHORT() % 1000), (0, 2, 'z')",
  'INSERT INTO account (id, money) VALUES (FLOOR(7.5), 1)',
  "INSERT INTO account (money, name) SELECT money, CONCAT(name, '2') FROM account",
  "INSERT INTO account SELECT id + 50, money, CONCAT(name, '2') FROM account ORDER BY id LIMIT 2",
  "INSERT IGNORE INTO account VALUES (1, 5, 'q'), (9, 5, 'b'), (10, 5, 'r')",
  "INSERT INTO account (money, name) VALUES (5, 'b'), (6, 'n') ON DUPLICATE KEY UPDATE money = 9",
  "INSERT INTO account (money, name) VALUES (5, 'b') ON DUPLICATE KEY UPDATE id = " +
    'LAST_INSERT_ID(id), money = 7',
  "REPLACE INTO account VALUES (1, 7, 'b'), (8, 8, 'k')",
  'REPLACE INTO account (money, name) SELECT 5, name FROM account WHERE id < 3',
]

for (const sql of answered) {
  test(`answers as ever and is undone: ${sql}`, async (context) => {
    const other = await open(context)
    const [expected] = await other.plain.query<ResultSetHeader>(sql)
    const expectedRows = await other.rows('SELECT id, money FROM account ORDER BY id')
    const fixture = await open(context)
    const { coordinator, pool } = fixture
    const { xid, result } = await coordinator.run(() => pool.query<ResultSetHeader>(sql))
    const [{ affectedRows, insertId, info, warningStatus }] = result
    assert.deepEqual(
      { affectedRows, insertId, info, warningStatus },
      {
        affectedRows: expected.affectedRows,
        insertId: expected.insertId,
        info: expected.info,
        warningStatus: expected.warningStatus,
      },
    )
    assert.deepEqual(await fixture.rows('SELECT id, money FROM account ORDER BY id'), expectedRows)
    await coordinator.rollback(xid)
    assert.deepEqual(await fixture.rows(selectAccounts), untouched)
    assert.equal(fixture.dirty.length, 0)
  })
}

const refusals: readonly (readonly [sql: string, reason: RegExp])[] = [
  ['UPDATE account SET id = 9 WHERE id = 1', /primary key changes/],
  ['UPDATE watched SET a = 1', /trigger watch/],
  ['DELETE FROM parent', /changes rows there by itself/],
  ['REPLACE INTO parent VALUES (1)', /changes rows there by itself/],
  ['INSERT INTO keyless VALUES (1)', /no primary key/],
  ['INSERT INTO prefixed VALUES (1)', /only the beginning/],
  ['INSERT INTO unsafe VALUES (1)', /has no transactions/],
  ['UPDATE viewed SET money = 1', /it is a view/],
  ['TRUNCATE account', /use DELETE/],
  ['CREATE TABLE x (id INT)', /change of the schema/],
  ['CREATE TEMPORARY TABLE x (id INT)', /temporary table/],
  ['LOCK TABLES account WRITE', /commits the local transaction/],
  ["PREPARE s FROM 'DELETE FROM account'", /behind the name is not known/],
  ['CALL anything()', /procedure/],
  ["XA START 'x'", /outlive/],
  ["LOAD DATA INFILE 'x' INTO TABLE account", /LOAD/],
  ["SELECT * FROM account INTO OUTFILE '/tmp/x'", /cannot be taken back/],
  ['SELECT writes()', /declared MODIFIES SQL DATA/],
  ['COMMIT AND CHAIN', /AND CHAIN/],
  ['INSERT INTO account (id, money) VALUES (9, 1), (NULL, 2)', /key and rows without/],
]

test('what cannot be undone is refused before it runs', async (context) => {
  const fixture = await open(context)
  const { coordinator, plain, pool } = fixture
  for (const sql of [
    'CREATE TABLE watched (id INT PRIMARY KEY, a INT)',
    'CREATE TRIGGER watch BEFORE UPDATE ON watched FOR EACH ROW SET NEW.a = 5',
    'CREATE TABLE parent (id INT PRIMARY KEY)',
    'CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON ' +
      'DELETE CASCADE)',
    'CREATE TABLE keyless (id INT)',
    'CREATE TABLE prefixed (id VARCHAR(50), PRIMARY KEY (id(10)))',
    'CREATE TABLE unsafe (id INT PRIMARY KEY) ENGINE = Aria',
    'CREATE VIEW viewed AS SELECT * FROM account',
    'CREATE FUNCTION writes() RETURNS INT MODIFIES SQL DATA BEGIN DELETE FROM account; RETURN ' +
      '1; END',
  ]) {
    await plain.query(sql)
  }
  for (const [sql, reason] of refusals) {
    await assert.rejects(
      coordinator.run(() => pool.query(sql)),
      isRefused(reason),
      sql,
    )
  }
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
  assert.equal(await fixture.undoCount(), 0)
})

test('a local transaction with savepoints is one branch', async (context) => {
  const fixture = await open(context)
  const { coordinator, pool } = fixture
  const client = await pool.getConnection()
  const { xid } = await coordinator.run(async () => {
    await client.beginTransaction()
    await client.query('UPDATE account SET money = 1 WHERE id = 1')
    await client.query('SAVEPOINT s')
    await client.query('DELETE FROM account WHERE id = 2')
    await client.query('ROLLBACK TO S')
    await assert.rejects(client.query('INSERT INTO account VALUES (1, 1, 1)'), /Duplicate/)
    await client.execute('UPDATE account SET money = ? WHERE id = ?', [3, 3])
    await client.commit()
  })
  client.release()
  assert.equal(coordinator.registrations[0]?.lockKeys, 'account:1,3')
  assert.equal(coordinator.branchesOf(xid).length, 1)
  assert.deepEqual(await coordinator.rollback(xid), rolledBack)
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
})

test('autocommit = 0 begins a branch with each transaction', async (context) => {
  const fixture = await open(context)
  const { coordinator, pool } = fixture
  const client = await pool.getConnection()
  await client.query('SET autocommit = 0')
  const { xid } = await coordinator.run(async () => {
    await client.query('UPDATE account SET money = 1 WHERE id = 1')
    await client.query('COMMIT')
    await client.query('UPDATE account SET money = 2 WHERE id = 2')
    await client.query('SET autocommit = 1')
    await client.query('UPDATE account SET money = 3 WHERE id = 3')
  })
  client.release()
  assert.equal(coordinator.branchesOf(xid).length, 3)
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
})

test('several statements in a string are one branch, if the server takes them', async (context) => {
  const sql = 'UPDATE account SET money = ? WHERE id = 1; DELETE FROM account WHERE id = ?'
  const fixture = await open(context)
  const { coordinator, pool } = fixture
  const { xid, result } = await coordinator.run(() => pool.query(sql, [5, 2]))
  assert.deepEqual(
    (result[0] as ResultSetHeader[]).map(({ affectedRows }) => affectedRows),
    [1, 1],
  )
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
  const strict = await open(context, schema, { poolOptions: { multipleStatements: false } })
  await assert.rejects(
    strict.coordinator.run(() => strict.pool.query(sql, [5, 2])),
    hasCode('ER_PARSE_ERROR'),
  )
})

test('a Date means what the driver makes of it', async (context) => {
  const fixture = await open(context, 'CREATE TABLE d (id INT PRIMARY KEY, at DATETIME)', {
    poolOptions: { timezone: '+09:00' },
  })
  const { coordinator, plain, pool } = fixture
  await plain.query("INSERT INTO d VALUES (1, '2024-01-01 09:00:00'), (2, '2024-01-01 00:00:00')")
  const { xid } = await coordinator.run(() =>
    pool.execute('DELETE FROM d WHERE at = ?', [new Date('2024-01-01T00:00:00Z')]),
  )
  assert.deepEqual(await fixture.rows('SELECT id FROM d'), [[2]])
  assert.deepEqual(await coordinator.rollback(xid), rolledBack)
  assert.deepEqual(await fixture.rows('SELECT id FROM d ORDER BY id'), [[1], [2]])
})

test('a row of another transaction is waited for, and refused in the end', async (context) => {
  const fixture = await open(context, schema, { lockWaitMs: 2000 })
  const { coordinator, pool } = fixture
  const change = 'UPDATE account SET money = money - 10 WHERE id = 1'
  const first = await coordinator.run(() => pool.query(change))
  const second = coordinator.run(() => pool.query(change))
  while (coordinator.waitingCount === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  await coordinator.rollback(first.xid)
  const { xid } = await second
  assert.deepEqual((await fixture.rows(selectAccounts))[0], [1, 90, 'a'])
  const impatient = await open(context, schema, { lockWaitMs: 20 })
  const held = await impatient.coordinator.run(() => impatient.pool.query(change))
  for (const sql of [change, 'SELECT * FROM account WHERE id = 1 FOR UPDATE']) {
    const running = impatient.coordinator.run(() => impatient.pool.query(sql))
    await assert.rejects(running, hasCode('SETTEE_TX_LOCK_CONFLICT'), sql)
  }
  await impatient.coordinator.rollback(held.xid)
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
})

test('keys that a collation holds to be equal exclude each other', async (context) => {
  const fixture = await open(
    context,
    "CREATE TABLE names (name VARCHAR(20) PRIMARY KEY); INSERT INTO names VALUES ('Änna')",
    { lockWaitMs: 20 },
  )
  const { coordinator, pool } = fixture
  await coordinator.run(() => pool.query("DELETE FROM names WHERE name = 'änna'"))
  const running = coordinator.run(() => pool.query("INSERT INTO names VALUES ('ANNA ')"))
  await assert.rejects(running, hasCode('SETTEE_TX_LOCK_CONFLICT'))
})

test('rows that others changed are dirty, and a person decides', async (context) => {
  const fixture = await open(context)
  const { coordinator, dirty, plain, pool, resource } = fixture
  const { xid } = await coordinator.run(() => pool.query('UPDATE account SET money = 1'))
  const { branchId } = coordinator.branchesOf(xid)[0]!
  await plain.query('UPDATE account SET money = 77 WHERE id = 2')
  assert.deepEqual(await coordinator.rollback(xid), needsPerson)
  assert.equal(dirty[0]?.error.code, 'SETTEE_TX_DIRTY_DATA')
  assert.equal(
    dirty[0].rows[0]?.sql.before,
    'UPDATE `' + fixture.database + '`.`account` SET `money` = 100 WHERE `id` = 2;',
  )
  assert.deepEqual((await fixture.rows(selectAccounts))[0], [1, 1, 'a'])
  assert.equal(await resource.rollbackBranch(xid, branchId, 'now'), rolledBack[0])
  assert.deepEqual(await fixture.rows('SELECT money FROM account ORDER BY id'), [
    [100],
    [77],
    [100],
  ])
})

test('a late phase one finds the door closed', async (context) => {
  const fixture = await open(context)
  const { coordinator, pool, resource } = fixture
  const xid = coordinator.begin()
  const registerBranch = coordinator.registerBranch.bind(coordinator)
  coordinator.registerBranch = async (registration) => {
    const branchId = await registerBranch(registration)
    assert.equal(await resource.rollbackBranch(xid, branchId), rolledBack[0])
    return branchId
  }
  const running = coordinator.within(xid, () => pool.query('UPDATE account SET money = 1'))
  await assert.rejects(running, hasCode('SETTEE_TX_BRANCH_REFUSED'))
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
  assert.deepEqual(await fixture.rows('SELECT log_status FROM undo_log'), [[1]])
})

test('a connection that is lost at any step leaves all or nothing', async (context) => {
  const fixture = await open(context)
  const { coordinator, plain, pool } = fixture
  const kill = async (): Promise<void> => {
    const [rows] = await plain.query(
      "SELECT id FROM information_schema.PROCESSLIST WHERE DB = ? AND COMMAND = 'Sleep' AND id " +
        '<> CONNECTION_ID()',
      [fixture.database],
    )
    for (const { id } of rows as { id: number }[]) await plain.query(`KILL ${id}`).catch(() => {})
  }
  const client = await pool.getConnection()
  client.on('error', () => {})
  const xid = coordinator.begin()
  await coordinator.within(xid, async () => {
    await client.query('BEGIN')
    await client.query('UPDATE account SET money = 1')
    coordinator.beforeRegister = kill
    await assert.rejects(client.query('COMMIT'))
  })
  coordinator.beforeRegister = () => {}
  client.destroy()
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
})

test('a deadlock ends the transaction, and nothing is committed behind it', async (context) => {
  const fixture = await open(context)
  const { coordinator, plain, pool } = fixture
  const other = await plain.getConnection()
  const client = await pool.getConnection()
  await other.query('BEGIN')
  await other.query('UPDATE account SET money = 5 WHERE id >= 2')
  await coordinator.run(async () => {
    await client.query('BEGIN')
    await client.query('UPDATE account SET money = 1 WHERE id = 1')
    const waiting = other.query('UPDATE account SET money = 5 WHERE id = 1').catch(() => {})
    const mine = client.query('UPDATE account SET money = 2 WHERE id = 2').catch(() => 'deadlock')
    const outcome = await mine
    await (outcome === 'deadlock' ? waiting : other.query('ROLLBACK'))
    if (outcome === 'deadlock') {
      await assert.rejects(client.query('UPDATE account SET money = 3 WHERE id = 3'), /Deadlock/)
      await assert.rejects(client.query('COMMIT'), /Deadlock/)
    } else await client.query('ROLLBACK')
  })
  await other.query('ROLLBACK')
  other.release()
  client.release()
  assert.deepEqual(await fixture.rows(selectAccounts), untouched)
})

test('a log larger than a packet is split and joined again', async (context) => {
  const fixture = await open(context, 'CREATE TABLE big (id INT PRIMARY KEY, v LONGBLOB)')
  const { coordinator, plain, pool } = fixture
  await plain.query('SET GLOBAL max_allowed_packet = 1048576')
  const noises = Array.from({ length: 40 }, () => 'SHA2(CONCAT(RAND(), RAND()), 512)')
  await plain.query(`INSERT INTO big SELECT seq, CONCAT(${noises.join(', ')}) FROM seq_1_to_400`)
  const digest = 'SELECT BIT_XOR(CRC32(CONCAT(id, v))), COUNT(*) FROM big'
  const start = await fixture.rows(digest)
  const { xid } = await coordinator.run(() => pool.query('DELETE FROM big'))
  assert.ok((await fixture.undoCount()) > 3)
  const [[context1] = []] = (await fixture.rows(
    "SELECT context FROM undo_log WHERE context LIKE 'serializer%'",
  )) as [string[]?]
  assert.match(context1!, /^serializer=jackson&compressorType=ZIP&map=1048576&subIds?=\d+/)
  assert.deepEqual(await coordinator.rollback(xid), rolledBack)
  assert.deepEqual(await fixture.rows(digest), start)
  assert.equal(await fixture.undoCount(), 0)
})

test('undo rows of committed branches go, those of defence after some days', async (context) => {
  const fixture = await open(context)
  const { coordinator, plain, pool, resource } = fixture
  const { xid } = await coordinator.run(() => pool.query('UPDATE account SET money = 1'))
  assert.equal(await fixture.undoCount(), 1)
  await coordinator.commit(xid)
  assert.equal(await fixture.undoCount(), 0)
  await resource.rollbackBranch('127.0.0.1:8091:99', 5n)
  const late = await coordinator.run(() => pool.query('UPDATE account SET money = 2'))
  await plain.query('UPDATE undo_log SET log_created = NOW() - INTERVAL 8 DAY')
  await resource.deleteUndoLogs(7)
  assert.equal(await fixture.undoCount(), 1)
  assert.deepEqual(await coordinator.rollback(late.xid), rolledBack)
})

test('a table altered or hidden meanwhile is refused, then seen as it is', async (context) => {
  const fixture = await open(context)
  const { coordinator, plain, pool } = fixture
  await coordinator.run(() => pool.query('UPDATE account SET money = 1 WHERE id = 1'))
  await plain.query('ALTER TABLE account ADD more INT DEFAULT 5')
  const remove = (): Promise<unknown> => pool.query('DELETE FROM account WHERE id = 2')
  await assert.rejects(coordinator.run(remove), isRefused(/was altered/))
  const { xid } = await coordinator.run(remove)
  await coordinator.rollback(xid)
  assert.deepEqual(await fixture.rows('SELECT id, more FROM account WHERE id = 2'), [[2, 5]])
  const client = await pool.getConnection()
  await client.query('CREATE TEMPORARY TABLE account (id INT PRIMARY KEY, money INT)')
  const hidden = coordinator.run(() => client.query('UPDATE account SET money = 3'))
  await assert.rejects(hidden, isRefused(/temporary table/))
  client.destroy()
})
