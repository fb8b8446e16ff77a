/** UPDATE and DELETE. */
import { absent, everywhere, mysqlAlone, refused, undone, type FormGroup } from './form.ts'

const limitOfSeveral = [
  'it counts joined rows, which may be others when it is looked at again',
  'choose the keys with a SELECT … FOR UPDATE before',
] as const
const newKey = [
  'the row cannot be found again when its primary key changes',
  'insert a new row and delete the old one',
] as const
const rich = 'WITH rich AS (SELECT id FROM account WHERE money > 150)'

export const updates: FormGroup = {
  title: 'UPDATE',
  forms: [
    everywhere('`UPDATE`', "UPDATE account SET money = money - 30, owner = 'new' WHERE id = 1"),
    everywhere('`UPDATE` of all rows', 'UPDATE account SET money = 0'),
    everywhere(
      '`UPDATE` by a condition that it changes',
      'UPDATE account SET money = money + 100 WHERE money BETWEEN 150 AND 350',
    ),
    {
      name: '`UPDATE` with parameters',
      postgres: undone({
        text: 'UPDATE account SET money = money + $2 WHERE id = $1',
        values: [1, 5],
      }),
      mysql: undone({
        text: 'UPDATE account SET money = money + ? WHERE id = ?',
        values: [5, 1],
      }),
      sqlite: undone({
        text: 'UPDATE account SET money = money + ? WHERE id = ?',
        values: [5, 1],
      }),
    },
    {
      name: '`UPDATE … SET (a, b) = (…)`',
      postgres: undone("UPDATE account SET (owner, money) = ('new', 1) WHERE id = 1"),
      mysql: absent,
      sqlite: undone("UPDATE account SET (owner, money) = ('new', 1) WHERE id = 1"),
    },
    {
      name: '`UPDATE … ORDER BY … LIMIT`',
      postgres: absent,
      mysql: undone('UPDATE account SET money = 0 ORDER BY money DESC LIMIT 2'),
      sqlite: absent,
    },
    {
      name: '`UPDATE a JOIN b`',
      postgres: absent,
      mysql: undone(
        'UPDATE account JOIN transfer ON transfer.account = account.id ' +
          'SET account.money = account.money - transfer.amount WHERE transfer.amount > 10',
      ),
      sqlite: absent,
    },
    {
      name: '`UPDATE a LEFT JOIN b`',
      postgres: absent,
      mysql: undone(
        'UPDATE account a LEFT JOIN transfer t ON t.account = a.id SET a.money = 0 WHERE t.id ' +
          'IS NULL',
      ),
      sqlite: absent,
    },
    {
      name: '`UPDATE` of several tables at once',
      postgres: absent,
      mysql: undone(
        'UPDATE account a, transfer t SET a.money = 0, t.amount = 0 WHERE t.account = a.id',
      ),
      sqlite: absent,
    },
    {
      name: '`UPDATE` of several tables with `LIMIT`',
      postgres: absent,
      mysql: refused(
        'UPDATE account a JOIN transfer t ON t.account = a.id SET a.money = 0 LIMIT 1',
        'LIMIT in a UPDATE of several tables',
        ...limitOfSeveral,
      ),
      sqlite: absent,
    },
    {
      name: '`UPDATE … FROM`',
      postgres: undone(
        'UPDATE account SET money = amount FROM transfer WHERE transfer.account = account.id',
      ),
      mysql: absent,
      sqlite: undone(
        'UPDATE account SET money = amount FROM transfer WHERE transfer.account = account.id',
      ),
    },
    everywhere(
      '`UPDATE` with a subquery as a value',
      'UPDATE account SET money = (SELECT COUNT(*) FROM transfer WHERE transfer.account = ' +
        'account.id)',
    ),
    everywhere(
      '`UPDATE` with a subquery in its condition',
      'UPDATE account SET money = 0 WHERE id IN (SELECT account FROM transfer WHERE amount > 10)',
    ),
    everywhere(
      '`UPDATE` with `EXISTS`',
      'UPDATE account SET money = 0 WHERE NOT EXISTS ' +
        '(SELECT 1 FROM transfer WHERE transfer.account = account.id)',
    ),
    {
      name: '`UPDATE` with a subquery that takes a row off a queue (`FOR UPDATE SKIP LOCKED`)',
      postgres: undone(
        'UPDATE account SET money = 0 WHERE id = ' +
          '(SELECT id FROM account ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id',
      ),
      mysql: refused(
        'UPDATE account SET money = 0 WHERE id = (SELECT id FROM transfer LIMIT 1 FOR UPDATE)',
        'FOR UPDATE in a subquery',
        'the rows that it locks are not known',
        'send it as a statement of its own',
      ),
      sqlite: absent,
    },
    {
      name: '`WITH … UPDATE`',
      postgres: undone(`${rich} UPDATE account SET money = 0 WHERE id IN (SELECT id FROM rich)`),
      mysql: mysqlAlone,
      sqlite: undone(`${rich} UPDATE account SET money = 0 WHERE id IN (SELECT id FROM rich)`),
    },
    {
      name: '`UPDATE … RETURNING`',
      postgres: undone('UPDATE account SET money = money + 1 WHERE id < 3 RETURNING id, money'),
      mysql: absent,
      sqlite: undone('UPDATE account SET money = money + 1 WHERE id < 3 RETURNING id, money'),
    },
    {
      name: '`UPDATE … RETURNING old.…, new.…`',
      postgres: undone(
        'UPDATE account SET money = 0 WHERE id = 1 RETURNING old.money, new.money AS now',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`UPDATE … WHERE CURRENT OF`',
      postgres: undone(
        'BEGIN',
        'DECLARE rows CURSOR FOR SELECT * FROM account WHERE id = 2',
        'FETCH 1 FROM rows',
        'UPDATE account SET money = 0 WHERE CURRENT OF rows',
        'COMMIT',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`UPDATE IGNORE`, `UPDATE OR IGNORE`',
      postgres: absent,
      mysql: undone("UPDATE IGNORE account SET owner = 'bob', money = 1"),
      sqlite: undone("UPDATE OR IGNORE account SET owner = 'bob', money = 1"),
    },
    {
      name: '`UPDATE OR REPLACE`',
      postgres: absent,
      mysql: absent,
      sqlite: undone("UPDATE OR REPLACE account SET owner = 'bob' WHERE id = 1"),
    },
    {
      name: '`UPDATE ONLY`, `UPDATE LOW_PRIORITY`',
      postgres: undone('UPDATE ONLY account SET money = 0 WHERE id = 1'),
      mysql: undone('UPDATE LOW_PRIORITY account SET money = 0 WHERE id = 1'),
      sqlite: absent,
    },
    {
      name: '`UPDATE` of the same row by several rows of a join',
      postgres: undone(
        "UPDATE customer SET note = 'bought' FROM purchase WHERE purchase.customer = customer.id",
      ),
      mysql: undone(
        "UPDATE customer JOIN purchase ON purchase.customer = customer.id SET note = 'bought'",
      ),
      sqlite: undone(
        "UPDATE customer SET note = 'bought' FROM purchase WHERE purchase.customer = customer.id",
      ),
    },
    everywhere(
      '`UPDATE` that exchanges unique values of two rows through `NULL`',
      'BEGIN',
      'UPDATE account SET owner = NULL WHERE id = 1',
      "UPDATE account SET owner = 'ann' WHERE id = 2",
      "UPDATE account SET owner = 'bob' WHERE id = 1",
      'COMMIT',
    ),
    everywhere(
      '`UPDATE` of a row whose key has several columns',
      "UPDATE composed SET note = 'new' WHERE shop = 'north'",
    ),
    {
      name: '`UPDATE` of the primary key',
      postgres: refused(
        'UPDATE account SET id = 10 WHERE id = 1',
        'UPDATE account SET id',
        ...newKey,
      ),
      mysql: refused('UPDATE account SET id = 10 WHERE id = 1', 'UPDATE account SET id', ...newKey),
      sqlite: undone('UPDATE account SET id = 10 WHERE id = 1'),
    },
    {
      name: '`UPDATE` of a part of the primary key',
      postgres: refused(
        'UPDATE composed SET line = line + 1',
        'UPDATE composed SET line',
        ...newKey,
      ),
      mysql: refused('UPDATE composed SET line = line + 1', 'UPDATE composed SET line', ...newKey),
      sqlite: undone('UPDATE composed SET line = line + 5'),
    },
  ],
}

export const deletes: FormGroup = {
  title: 'DELETE',
  forms: [
    everywhere('`DELETE`', 'DELETE FROM account WHERE id = 1'),
    everywhere('`DELETE` of all rows', 'DELETE FROM account'),
    {
      name: '`DELETE` with parameters',
      postgres: undone({ text: 'DELETE FROM account WHERE id = $1', values: [2] }),
      mysql: undone({ text: 'DELETE FROM account WHERE id = ?', values: [2] }),
      sqlite: undone({ text: 'DELETE FROM account WHERE id = ?', values: [2] }),
    },
    {
      name: '`DELETE … ORDER BY … LIMIT`',
      postgres: absent,
      mysql: undone('DELETE FROM account ORDER BY money DESC LIMIT 2'),
      sqlite: absent,
    },
    {
      name: '`DELETE a FROM a JOIN b`',
      postgres: absent,
      mysql: undone('DELETE a FROM account a JOIN transfer t ON t.account = a.id'),
      sqlite: absent,
    },
    {
      name: '`DELETE a, b FROM a JOIN b`',
      postgres: absent,
      mysql: undone('DELETE a, t FROM account a JOIN transfer t ON t.account = a.id'),
      sqlite: absent,
    },
    {
      name: '`DELETE … USING`',
      postgres: undone('DELETE FROM account USING transfer WHERE transfer.account = account.id'),
      mysql: undone(
        'DELETE FROM account USING account JOIN transfer ON transfer.account = account.id',
      ),
      sqlite: absent,
    },
    everywhere(
      '`DELETE` with a subquery',
      'DELETE FROM account WHERE id IN (SELECT account FROM transfer WHERE amount > 10)',
    ),
    everywhere(
      '`DELETE` with a subquery of the table itself',
      'DELETE FROM account WHERE money > (SELECT m FROM (SELECT AVG(money) AS m FROM account) ' +
        'AS x)',
    ),
    {
      name: '`WITH … DELETE`',
      postgres: undone(`${rich} DELETE FROM account WHERE id IN (SELECT id FROM rich)`),
      mysql: mysqlAlone,
      sqlite: undone(`${rich} DELETE FROM account WHERE id IN (SELECT id FROM rich)`),
    },
    everywhere('`DELETE … RETURNING`', 'DELETE FROM account WHERE money > 150 RETURNING id, owner'),
    everywhere(
      '`DELETE` and `INSERT` of the same key',
      'BEGIN',
      'DELETE FROM account WHERE id = 1',
      "INSERT INTO account VALUES (1, 'again', 1)",
      'COMMIT',
    ),
    everywhere('`DELETE` of rows with a `NULL`', 'DELETE FROM account WHERE owner IS NULL'),
    {
      name: '`TRUNCATE`',
      postgres: refused(
        'TRUNCATE transfer',
        'TRUNCATE',
        'the rows that it removes are not read',
        'use DELETE',
      ),
      mysql: refused(
        'TRUNCATE transfer',
        'TRUNCATE',
        'the rows that it removes are not read',
        'use DELETE',
      ),
      sqlite: absent,
    },
  ],
}

const twice = [
  'a WITH clause that writes account twice',
  'the order of its changes is not known',
  'send the statements one by one',
] as const

export const writableWith: FormGroup = {
  title: 'WITH clauses that write',
  forms: [
    {
      name: 'rows that move from one table to another',
      postgres: undone(
        'WITH moved AS (DELETE FROM account WHERE money > 150 RETURNING id, owner, money) ' +
          'INSERT INTO archive SELECT * FROM moved RETURNING id',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: 'a change below a `SELECT`',
      postgres: undone(
        'WITH up AS (UPDATE account SET money = 0 WHERE id < 3 RETURNING id) SELECT COUNT(*) ' +
          'FROM up',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: 'several changes of different tables',
      postgres: undone(
        'WITH one AS (DELETE FROM transfer WHERE id = 1), ' +
          "two AS (INSERT INTO archive VALUES (1, 'x', 1)) UPDATE account SET money = 0 WHERE " +
          'id = 1',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: 'two changes of the same table',
      postgres: refused(
        'WITH one AS (DELETE FROM account WHERE id = 1) UPDATE account SET money = 0 WHERE id = 2',
        ...twice,
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`FOR UPDATE` behind a change',
      postgres: refused(
        'WITH gone AS (DELETE FROM transfer RETURNING id) SELECT * FROM gone FOR UPDATE',
        'FOR UPDATE behind a WITH clause that writes',
        'the rows that it locks are not known',
        'send the statements one by one',
      ),
      mysql: absent,
      sqlite: absent,
    },
  ],
}
