/** What a table must be like, and what other rows a change may bring along. */
import {
  absent,
  everywhere,
  refused,
  refusedBySqlite,
  refusedTable,
  undone,
  type Cell,
  type FormGroup,
} from './form.ts'

const insertInto = (table: string): string => `INSERT INTO ${table} VALUES (5, 'five')`

function cascade(sql: string, [postgres, mysql]: readonly [Cell, Cell]) {
  return { postgres, mysql, sqlite: undone(sql) }
}

const deleteFirst = 'delete those rows first and let the key be ON DELETE NO ACTION'
const deleteCustomer = 'DELETE FROM customer WHERE id = 1'
const deleteTeam = 'DELETE FROM team WHERE id = 1'
const updateProduct = 'UPDATE product SET code = 11 WHERE id = 1'
const outside = 'change it outside of the transaction'

export const dependents: FormGroup = {
  title: 'Foreign keys and triggers',
  forms: [
    everywhere(
      'a foreign key without action: parents and children',
      'BEGIN',
      'DELETE FROM city',
      'DELETE FROM country WHERE id = 1',
      "INSERT INTO country VALUES (3, 'three')",
      'INSERT INTO city VALUES (3, 3)',
      'COMMIT',
    ),
    {
      name: '`ON DELETE CASCADE`',
      ...cascade(deleteCustomer, [
        refused(
          deleteCustomer,
          'DELETE FROM customer',
          'the foreign key purchase_customer_fkey of public.purchase changes rows there by itself',
          deleteFirst,
        ),
        refused(
          deleteCustomer,
          'DELETE of customer',
          'a foreign key of `forms`.`purchase` changes rows there by itself',
          deleteFirst,
        ),
      ]),
    },
    {
      name: '`ON DELETE SET NULL`',
      ...cascade(deleteTeam, [
        refused(
          deleteTeam,
          'DELETE FROM team',
          'the foreign key member_team_fkey of public.member changes rows there by itself',
          deleteFirst,
        ),
        refused(
          deleteTeam,
          'DELETE of team',
          'a foreign key of `forms`.`member` changes rows there by itself',
          deleteFirst,
        ),
      ]),
    },
    {
      name: '`ON UPDATE CASCADE`, when the column changes',
      ...cascade(updateProduct, [
        refused(
          updateProduct,
          'UPDATE product',
          'the foreign key stock_code_fkey of public.stock changes rows there by itself',
          'let the key be ON UPDATE NO ACTION',
        ),
        refused(
          updateProduct,
          'UPDATE product',
          'a foreign key of `forms`.`stock` changes rows there by itself',
          'let the key be ON UPDATE NO ACTION',
        ),
      ]),
    },
    everywhere(
      'a parent whose other columns change',
      "UPDATE customer SET note = 'new' WHERE id = 1",
    ),
    everywhere('a child with such a key', 'UPDATE purchase SET customer = 2 WHERE id = 1'),
    {
      name: 'a trigger',
      postgres: refused(
        insertInto('watched'),
        'a change of public.watched',
        'its trigger copies would run for the undo too',
        'do the work of the trigger in the application',
      ),
      mysql: refused(
        insertInto('watched'),
        'a change of forms.watched',
        'its trigger copies would run for the undo too',
        'do the work of the trigger in the application',
      ),
      sqlite: undone(insertInto('noted')),
    },
    {
      name: 'a trigger that writes a table without primary key',
      postgres: absent,
      mysql: absent,
      sqlite: refusedTable(
        insertInto('watched'),
        'keyless has no primary key, by which its rows could be found again',
      ),
    },
    {
      name: 'a rule',
      postgres: refused(
        'DELETE FROM ruled',
        'a change of public.ruled',
        'its rule also may change other tables',
        'do the work of the rule in the application',
      ),
      mysql: absent,
      sqlite: absent,
    },
  ],
}

export const tables: FormGroup = {
  title: 'Kinds of tables and columns',
  forms: [
    {
      name: 'a generated column',
      postgres: undone(
        'BEGIN',
        'UPDATE computed SET price = 5 WHERE id = 1',
        'DELETE FROM computed WHERE id = 2',
        'INSERT INTO computed (id, price) VALUES (3, 7)',
        'COMMIT',
      ),
      mysql: undone(
        'BEGIN',
        'UPDATE computed SET price = 5 WHERE id = 1',
        'DELETE FROM computed WHERE id = 2',
        'INSERT INTO computed (id, price) VALUES (3, 7)',
        'COMMIT',
      ),
      sqlite: undone(
        'BEGIN',
        'UPDATE computed SET price = 5 WHERE id = 1',
        'DELETE FROM computed WHERE id = 2',
        'INSERT INTO computed (id, price) VALUES (3, 7)',
        'COMMIT',
      ),
    },
    {
      name: 'JSON, changed in place',
      postgres: undone(`UPDATE documents SET body = jsonb_set(body, '{a}', '2'), tags[1] = 'z'`),
      mysql: undone(`UPDATE documents SET body = JSON_SET(body, '$.a', 2)`),
      sqlite: undone(`UPDATE documents SET body = json_set(body, '$.a', 2)`),
    },
    {
      name: 'no primary key',
      postgres: refused(
        "UPDATE keyless SET note = 'two'",
        'a change of public.keyless',
        'it has no primary key to find its rows by',
        'add a primary key',
      ),
      mysql: refused(
        "UPDATE keyless SET note = 'two'",
        'a change of forms.keyless',
        'it has no primary key to find its rows by',
        'add a primary key',
      ),
      sqlite: refusedTable(
        "UPDATE keyless SET note = 'two'",
        'keyless has no primary key, by which its rows could be found again',
      ),
    },
    {
      name: 'a view',
      postgres: refused(
        'UPDATE seen SET money = 0 WHERE id = 1',
        'a change of public.seen',
        'it is a view or a foreign table',
        'change the tables behind it',
      ),
      mysql: refused(
        'UPDATE seen SET money = 0 WHERE id = 1',
        'a change of forms.seen',
        'it is a view',
        'change the tables behind it',
      ),
      sqlite: undone('UPDATE seen SET money = 0 WHERE id = 1'),
    },
    {
      name: 'partitions',
      postgres: refused(
        insertInto('parted'),
        'a change of public.parted',
        'it is partitioned or inherits',
        outside,
      ),
      mysql: undone(insertInto('parted')),
      sqlite: absent,
    },
    {
      name: 'one partition',
      postgres: refused(
        'DELETE FROM parted_1',
        'a change of public.parted_1',
        'it is partitioned or inherits',
        outside,
      ),
      mysql: undone("UPDATE parted PARTITION (p1) SET note = 'new'"),
      sqlite: absent,
    },
    {
      name: 'inheritance',
      postgres: refused(
        "UPDATE ancestor SET note = 'x'",
        'a change of public.ancestor',
        'it is partitioned or inherits',
        outside,
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: 'an unlogged table',
      postgres: undone('DELETE FROM unlogged'),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: 'an engine without transactions (MyISAM)',
      postgres: absent,
      mysql: refused(
        insertInto('isam'),
        'a change of forms.isam',
        'its engine MyISAM has no transactions, so that it cannot be rolled back',
        'convert it to InnoDB',
      ),
      sqlite: absent,
    },
    {
      name: 'a table in memory',
      postgres: absent,
      mysql: refused(
        insertInto('in_memory'),
        'a change of forms.in_memory',
        'its engine MEMORY has no transactions, so that it cannot be rolled back',
        'convert it to InnoDB',
      ),
      sqlite: absent,
    },
    {
      name: '`WITH SYSTEM VERSIONING`',
      postgres: absent,
      mysql: refused(
        insertInto('versioned'),
        'a change of forms.versioned',
        'its history would keep what was undone',
        'use a table without versions',
      ),
      sqlite: absent,
    },
    {
      name: 'a virtual table (FTS5)',
      postgres: absent,
      mysql: absent,
      sqlite: refusedTable("INSERT INTO search VALUES ('x')", 'search is a virtual table'),
    },
    {
      name: 'an attached database',
      postgres: absent,
      mysql: absent,
      sqlite: refusedBySqlite(
        'INSERT INTO other.away VALUES (1)',
        'it writes away of the database other, not of main',
      ),
    },
    {
      name: '`CREATE TEMPORARY TABLE`',
      postgres: refused(
        'CREATE TEMP TABLE x (id int)',
        'CREATE',
        'a change of the schema cannot be undone',
        'run it outside of the transaction',
      ),
      mysql: refused(
        'CREATE TEMPORARY TABLE x (id int)',
        'CREATE TABLE',
        'a temporary table is seen by one session only',
        'run it outside of the transaction',
      ),
      sqlite: refusedBySqlite(
        'INSERT INTO scratch VALUES (1)',
        'it writes scratch of the database temp, not of main',
      ),
    },
  ],
}
