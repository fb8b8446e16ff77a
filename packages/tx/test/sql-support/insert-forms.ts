/** INSERT, its way of meeting rows that exist, and the kinds of primary keys. */
import {
  absent,
  everywhere,
  mysqlAlone,
  refused,
  refusedTable,
  undone,
  undoneRandom,
  type FormGroup,
} from './form.ts'

const insertSelect =
  'INSERT INTO archive (id, owner, money) SELECT id, owner, money FROM account WHERE money > 100'
const withSelect = 'WITH rich AS (SELECT * FROM account WHERE money > 100)'
const returning =
  "INSERT INTO account (id, owner) VALUES (10, 'new'), (11, 'two') RETURNING id, money"
const values = [10, 'new', 5]

export const inserts: FormGroup = {
  title: 'INSERT',
  forms: [
    everywhere('`INSERT … VALUES`', "INSERT INTO account (id, owner, money) VALUES (10, 'new', 5)"),
    everywhere(
      '`INSERT` of several rows',
      "INSERT INTO account (id, owner, money) VALUES (10, 'new', 5), (11, NULL, 6), (12, 'end', 7)",
    ),
    everywhere('`INSERT` without a list of columns', "INSERT INTO account VALUES (10, 'new', 5)"),
    {
      name: '`INSERT` with parameters',
      postgres: undone({ text: 'INSERT INTO account VALUES ($1, $2, $3)', values }),
      mysql: undone({ text: 'INSERT INTO account VALUES (?, ?, ?)', values }),
      sqlite: undone({ text: 'INSERT INTO account VALUES (?, ?, ?)', values }),
    },
    everywhere(
      '`INSERT` of computed values and subqueries',
      "INSERT INTO account (id, owner, money) VALUES (5 + 5, UPPER('new'), (SELECT MAX(amount) " +
        'FROM transfer))',
    ),
    {
      name: '`INSERT … SET`',
      postgres: absent,
      mysql: undone("INSERT INTO account SET id = 10, owner = 'new'"),
      sqlite: absent,
    },
    {
      name: '`INSERT … DEFAULT VALUES`, `VALUES ()`',
      postgres: undone('INSERT INTO numbered DEFAULT VALUES'),
      mysql: undone('INSERT INTO numbered () VALUES ()'),
      sqlite: undone('INSERT INTO numbered DEFAULT VALUES'),
    },
    everywhere('`INSERT … SELECT`', insertSelect),
    {
      name: '`INSERT … SELECT` from the table itself',
      postgres: undone('INSERT INTO account (id, money) SELECT id + 10, money FROM account'),
      mysql: undone('INSERT INTO account (id, money) SELECT id + 10, money FROM account'),
      sqlite: undone('INSERT INTO account (id, money) SELECT id + 10, money FROM account'),
    },
    {
      name: '`INSERT … SELECT` with generated keys',
      postgres: undone('INSERT INTO numbered (note) SELECT owner FROM account ORDER BY id'),
      mysql: undone('INSERT INTO numbered (note) SELECT owner FROM account ORDER BY id'),
      sqlite: undone('INSERT INTO numbered (note) SELECT owner FROM account ORDER BY id'),
    },
    {
      name: '`INSERT` with `WITH`',
      postgres: undone(`${withSelect} INSERT INTO archive SELECT * FROM rich`),
      mysql: undone(`INSERT INTO archive ${withSelect} SELECT * FROM rich`),
      sqlite: undone(`${withSelect} INSERT INTO archive SELECT * FROM rich`),
    },
    everywhere('`INSERT … RETURNING`', returning),
    {
      name: '`INSERT DELAYED`',
      postgres: absent,
      mysql: refused(
        'INSERT DELAYED INTO account (id) VALUES (10)',
        'INSERT DELAYED',
        'it runs at some later time',
        'leave DELAYED out',
      ),
      sqlite: absent,
    },
    {
      name: '`COPY … FROM`, `LOAD DATA`',
      postgres: refused(
        'COPY account FROM STDIN',
        'COPY',
        'the rows that it writes are not known',
        'use INSERT with many rows',
      ),
      mysql: refused(
        "LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE account",
        'LOAD',
        'the rows that it writes are not known',
        'use INSERT with many rows',
      ),
      sqlite: absent,
    },
  ],
}

const both = "INSERT INTO account (id, owner, money) VALUES (1, 'new', 5), (10, 'ten', 6)"
const half = "INSERT INTO half_unique VALUES (2, 'one more')"
const whole =
  'its unique key beginning is over a part of a column or an expression, so that the rows that ' +
  'it would meet are not known'
const choose = 'read the row with SELECT … FOR UPDATE and choose between INSERT and UPDATE'
const newKey = [
  'the row cannot be found again when its primary key changes',
  'insert a new row and delete the old one',
] as const

export const upserts: FormGroup = {
  title: 'Rows that exist already',
  forms: [
    {
      name: '`ON CONFLICT DO NOTHING`, `INSERT IGNORE`, `INSERT OR IGNORE`',
      postgres: undone(`${both} ON CONFLICT DO NOTHING`),
      mysql: undone(both.replace('INSERT', 'INSERT IGNORE')),
      sqlite: undone(both.replace('INSERT', 'INSERT OR IGNORE')),
    },
    {
      name: '`ON CONFLICT (key) DO NOTHING`',
      postgres: undone(`${both} ON CONFLICT (id) DO NOTHING RETURNING id`),
      mysql: absent,
      sqlite: undone(`${both} ON CONFLICT (id) DO NOTHING RETURNING id`),
    },
    {
      name: '`ON CONFLICT DO UPDATE`, `ON DUPLICATE KEY UPDATE`',
      postgres: undone(`${both} ON CONFLICT (id) DO UPDATE SET money = excluded.money`),
      mysql: undone(`${both} ON DUPLICATE KEY UPDATE money = VALUES(money)`),
      sqlite: undone(`${both} ON CONFLICT (id) DO UPDATE SET money = excluded.money`),
    },
    {
      name: '… that meets a row by another unique key',
      postgres: undone(
        "INSERT INTO account VALUES (10, 'bob', 5) ON CONFLICT (owner) DO UPDATE SET money = 0",
      ),
      mysql: undone("INSERT INTO account VALUES (10, 'bob', 5) ON DUPLICATE KEY UPDATE money = 0"),
      sqlite: undone(
        "INSERT INTO account VALUES (10, 'bob', 5) ON CONFLICT (owner) DO UPDATE SET money = 0",
      ),
    },
    {
      name: '… with a condition',
      postgres: undone(
        `${both} ON CONFLICT (id) DO UPDATE SET money = 0 WHERE account.money > 1000`,
      ),
      mysql: undone(`${both} ON DUPLICATE KEY UPDATE money = IF(money > 1000, 0, money)`),
      sqlite: undone(`${both} ON CONFLICT (id) DO UPDATE SET money = 0 WHERE account.money > 1000`),
    },
    {
      name: '… `ON CONSTRAINT`',
      postgres: undone(
        "INSERT INTO account VALUES (10, 'bob', 5) " +
          'ON CONFLICT ON CONSTRAINT account_owner_key DO UPDATE SET money = 0 RETURNING *',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '… of a `SELECT`',
      postgres: undone(
        'INSERT INTO account (id, money) SELECT id, amount FROM transfer WHERE id < 4 ' +
          'ON CONFLICT (id) DO UPDATE SET money = account.money + excluded.money',
      ),
      mysql: undone(
        'INSERT INTO account (id, money) SELECT id, amount FROM transfer WHERE id < 4 ' +
          'ON DUPLICATE KEY UPDATE money = money + VALUES(money)',
      ),
      sqlite: undone(
        'INSERT INTO account (id, money) SELECT id, amount FROM transfer WHERE id < 4 ' +
          'ON CONFLICT (id) DO UPDATE SET money = account.money + excluded.money',
      ),
    },
    {
      name: '… that keeps the primary key (`id = LAST_INSERT_ID(id)`)',
      postgres: absent,
      mysql: undone(
        "INSERT INTO account VALUES (10, 'bob', 5) " +
          'ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), money = money + 1',
      ),
      sqlite: absent,
    },
    {
      name: '… with `VALUES … AS new`',
      postgres: absent,
      mysql: mysqlAlone,
      sqlite: absent,
    },
    {
      name: '… that sets the primary key',
      postgres: refused(
        `${both} ON CONFLICT (id) DO UPDATE SET id = 30`,
        'UPDATE account SET id',
        ...newKey,
      ),
      mysql: refused(`${both} ON DUPLICATE KEY UPDATE id = 30`, 'UPDATE account SET id', ...newKey),
      sqlite: undone(`${both} ON CONFLICT (id) DO UPDATE SET id = 30`),
    },
    {
      name: '… of a table with a unique key over a part of a column',
      postgres: absent,
      mysql: refused(
        `${half} ON DUPLICATE KEY UPDATE note = 'x'`,
        'ON DUPLICATE KEY UPDATE of half_unique',
        whole,
        choose,
      ),
      sqlite: absent,
    },
    {
      name: '`REPLACE`, `INSERT OR REPLACE`',
      postgres: absent,
      mysql: undone(both.replace('INSERT', 'REPLACE')),
      sqlite: undone(both.replace('INSERT', 'REPLACE')),
    },
    {
      name: '`REPLACE` that removes several rows',
      postgres: absent,
      mysql: undone("REPLACE INTO account VALUES (1, 'bob', 5)"),
      sqlite: undone("INSERT OR REPLACE INTO account VALUES (1, 'bob', 5)"),
    },
    {
      name: '`REPLACE … RETURNING`',
      postgres: absent,
      mysql: undone("REPLACE INTO account VALUES (1, 'new', 5) RETURNING id, money"),
      sqlite: undone("REPLACE INTO account VALUES (1, 'new', 5) RETURNING id, money"),
    },
    {
      name: '`REPLACE … SELECT`',
      postgres: absent,
      mysql: undone(
        'REPLACE INTO account (id, money) SELECT id, amount FROM transfer WHERE id < 4',
      ),
      sqlite: undone(
        'REPLACE INTO account (id, money) SELECT id, amount FROM transfer WHERE id < 4',
      ),
    },
    {
      name: '`REPLACE` in a table that others refer to with `ON DELETE CASCADE`',
      postgres: absent,
      mysql: refused(
        "REPLACE INTO customer VALUES (1, 'new')",
        'REPLACE of customer',
        'a foreign key of `forms`.`purchase` changes rows there by itself',
        'delete those rows first and let the key be ON DELETE NO ACTION',
      ),
      sqlite: undone("REPLACE INTO customer VALUES (1, 'new')"),
    },
    {
      name: '`MERGE`',
      postgres: undone(
        'MERGE INTO account USING transfer ON transfer.id = account.id ' +
          'WHEN MATCHED AND account.money > 250 THEN DELETE ' +
          'WHEN MATCHED THEN UPDATE SET money = transfer.amount ' +
          'WHEN NOT MATCHED THEN INSERT (id, money) VALUES (transfer.id, 0)',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`MERGE … RETURNING`',
      postgres: undone(
        'MERGE INTO account USING transfer ON transfer.id = account.id WHEN MATCHED THEN ' +
          'UPDATE SET money = transfer.amount RETURNING merge_action(), account.id',
      ),
      mysql: absent,
      sqlite: absent,
    },
  ],
}

const numbered = "INSERT INTO numbered (note) VALUES ('a'), ('b')"
const uuid = "'0b1f6d9e-3a55-4f6e-9f0a-2f4f4d0f1c11'"
const uuidDefault = "INSERT INTO by_uuid (note) VALUES ('a'), ('b')"
const unknownKey = [
  'an INSERT',
  'the value of its key id is not known before it runs',
  'give the value itself',
] as const
const float = "INSERT INTO by_float VALUES (0.5, 'half')"

export const keys: FormGroup = {
  title: 'Primary keys of new rows',
  forms: [
    everywhere('a given number', 'INSERT INTO account (id) VALUES (10)'),
    everywhere('a given text', "INSERT INTO by_text VALUES ('a:b,c;d\"e^', 'odd'), ('', 'empty')"),
    everywhere('a given date', "INSERT INTO by_date VALUES ('2024-02-29', 'leap')"),
    {
      name: 'given bytes',
      postgres: undone("INSERT INTO by_bytes VALUES ('\\x00ff2c', 'odd')"),
      mysql: undone("INSERT INTO by_bytes VALUES (x'00ff2c', 'odd')"),
      sqlite: undone("INSERT INTO by_bytes VALUES (x'00ff2c', 'odd')"),
    },
    everywhere(
      'several columns',
      "INSERT INTO composed VALUES ('south', 2, 'x'), ('west', 1, 'y')",
    ),
    {
      name: '`IDENTITY`, `AUTO_INCREMENT`, `AUTOINCREMENT`',
      postgres: undone(numbered),
      mysql: undone(numbered),
      sqlite: undone(numbered),
    },
    {
      name: '`GENERATED ALWAYS AS IDENTITY`',
      postgres: undone("INSERT INTO always (note) VALUES ('a'), ('b') RETURNING id"),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`SERIAL`, `INTEGER PRIMARY KEY`',
      postgres: undone("INSERT INTO serials (note) VALUES ('a'), ('b') RETURNING id"),
      mysql: undone("INSERT INTO serials (note) VALUES ('a'), ('b')"),
      sqlite: undone("INSERT INTO serials (note) VALUES ('a'), ('b') RETURNING id"),
    },
    {
      name: 'a generated number that is given as `DEFAULT` or `NULL`',
      postgres: undone("INSERT INTO numbered VALUES (DEFAULT, 'a')"),
      mysql: undone("INSERT INTO numbered VALUES (NULL, 'a'), (DEFAULT, 'b'), (0, 'c')"),
      sqlite: undone("INSERT INTO numbered VALUES (NULL, 'a')"),
    },
    {
      name: 'rows with a given number and rows with a generated one',
      postgres: undone("INSERT INTO numbered VALUES (70, 'a'), (DEFAULT, 'b')"),
      mysql: refused(
        "INSERT INTO numbered VALUES (70, 'a'), (NULL, 'b')",
        'an INSERT of rows with a key and rows without',
        'the generated keys are not known then',
        'insert the ones and the others in two statements',
      ),
      sqlite: undone("INSERT INTO numbered VALUES (70, 'a'), (NULL, 'b')"),
    },
    {
      name: 'a sequence, as a default',
      postgres: undone("INSERT INTO sequenced (note) VALUES ('a'), ('b')"),
      mysql: refused("INSERT INTO sequenced (note) VALUES ('a'), ('b')", ...unknownKey),
      sqlite: absent,
    },
    {
      name: 'a sequence, called in the statement',
      postgres: undone("INSERT INTO sequenced VALUES (nextval('ticket'), 'a')"),
      mysql: undone("INSERT INTO sequenced VALUES (NEXT VALUE FOR ticket, 'a')"),
      sqlite: absent,
    },
    everywhere('a constant default', "INSERT INTO by_default (note) VALUES ('a')"),
    {
      name: 'a UUID that the application makes',
      postgres: undone(`INSERT INTO by_uuid VALUES (${uuid}, 'a')`),
      mysql: undone(`INSERT INTO by_uuid VALUES (${uuid}, 'a')`),
      sqlite: undone(`INSERT INTO by_uuid VALUES (${uuid}, 'a')`),
    },
    {
      name: 'a UUID that the database makes, as a default',
      postgres: undoneRandom(uuidDefault),
      mysql: refused(uuidDefault, ...unknownKey),
      sqlite: undoneRandom(uuidDefault),
    },
    {
      name: 'a UUID that the database makes, called in the statement',
      postgres: undoneRandom("INSERT INTO by_uuid VALUES (gen_random_uuid(), 'a')"),
      mysql: undoneRandom("INSERT INTO by_uuid VALUES (UUID(), 'a'), (UUID(), 'b')"),
      sqlite: undoneRandom("INSERT INTO by_uuid VALUES (hex(randomblob(16)), 'a')"),
    },
    {
      name: 'a table `WITHOUT ROWID`',
      postgres: absent,
      mysql: absent,
      sqlite: undone("INSERT INTO rowless VALUES (2, 'two')"),
    },
    {
      name: 'a floating-point number',
      postgres: undone(float),
      mysql: refused(
        float,
        'a change of forms.by_float',
        'its primary key id is a floating-point number',
        'give the key a DECIMAL or an integer type',
      ),
      sqlite: refusedTable(
        float,
        'by_float cannot be undone, because its key column id is REAL; declare it INTEGER or TEXT',
      ),
    },
    {
      name: 'a value computed from other columns',
      postgres: refused(
        'INSERT INTO by_sum (a) VALUES (1)',
        'a change of public.by_sum',
        'its primary key id is computed from other columns',
        'make the primary key a plain column',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: 'the beginning of a column',
      postgres: absent,
      mysql: refused(
        "INSERT INTO by_part VALUES ('a', 'b')",
        'a change of forms.by_part',
        'its primary key has only the beginning of id',
        'let the key have the whole column',
      ),
      sqlite: absent,
    },
    {
      name: 'a `TIMESTAMP` as the first column',
      postgres: absent,
      mysql: refused(
        "INSERT INTO by_moment (note) VALUES ('a')",
        'a change of forms.by_moment',
        'its primary key begins with the TIMESTAMP id',
        'give the key a DATETIME, or another column first',
      ),
      sqlite: absent,
    },
    {
      name: '`NULL`',
      postgres: absent,
      mysql: absent,
      sqlite: refusedTable(
        "INSERT INTO by_nothing VALUES (NULL, 'a')",
        'by_nothing has a row with NULL in its primary key; declare the key columns NOT NULL',
      ),
    },
    {
      name: 'none',
      postgres: refused(
        "INSERT INTO keyless VALUES ('two')",
        'a change of public.keyless',
        'it has no primary key to find its rows by',
        'add a primary key',
      ),
      mysql: refused(
        "INSERT INTO keyless VALUES ('two')",
        'a change of forms.keyless',
        'it has no primary key to find its rows by',
        'add a primary key',
      ),
      sqlite: refusedTable(
        "INSERT INTO keyless VALUES ('two')",
        'keyless has no primary key, by which its rows could be found again',
      ),
    },
  ],
}
