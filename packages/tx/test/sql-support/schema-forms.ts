/** Changes of the schema, functions and procedures. */
import {
  absent,
  refused,
  refusedBySqlite,
  undone,
  unnoticed,
  type Form,
  type FormGroup,
} from './form.ts'

const attaches = 'it changes the schema or attaches a database'
const outside = 'run it outside of the transaction'

function ddl(name: string, sql: string, [postgres, mysql]: readonly [string, string]): Form {
  return {
    name,
    postgres: refused(sql, postgres, 'a change of the schema cannot be undone', outside),
    mysql: refused(sql, mysql, 'a change of the schema commits and cannot be undone', outside),
    sqlite: refusedBySqlite(
      sql,
      sql.startsWith('ALTER')
        ? attaches
        : 'it changes the schema, or sqlite_master of SQLite itself',
    ),
  }
}

export const schemaChanges: FormGroup = {
  title: 'Changes of the schema',
  forms: [
    ddl('`CREATE TABLE`', 'CREATE TABLE fresh (id int PRIMARY KEY)', ['CREATE', 'CREATE TABLE']),
    ddl('`CREATE TABLE … AS SELECT`', 'CREATE TABLE fresh AS SELECT * FROM account', [
      'CREATE TABLE AS',
      'CREATE TABLE',
    ]),
    ddl('`ALTER TABLE`', 'ALTER TABLE archive ADD COLUMN extra int', [
      'ALTER TABLE',
      'ALTER TABLE',
    ]),
    ddl('`ALTER TABLE … RENAME`', 'ALTER TABLE archive RENAME TO attic', ['RENAME', 'ALTER TABLE']),
    ddl('`DROP TABLE`', 'DROP TABLE archive', ['DROP', 'DROP TABLE']),
    ddl('`CREATE INDEX`', 'CREATE INDEX by_money ON account (money)', ['INDEX', 'CREATE INDEX']),
    ddl('`CREATE VIEW`', 'CREATE VIEW mine AS SELECT * FROM account', ['VIEW', 'CREATE VIEW']),
    ddl('`DROP VIEW`', 'DROP VIEW seen', ['DROP', 'DROP VIEW']),
    {
      name: '`CREATE TRIGGER`',
      postgres: refused(
        'CREATE TRIGGER late AFTER INSERT ON account FOR EACH ROW EXECUTE FUNCTION copy_note()',
        'CREATE TRIG',
        'a change of the schema cannot be undone',
        outside,
      ),
      mysql: refused(
        'CREATE TRIGGER late AFTER INSERT ON account FOR EACH ROW DELETE FROM archive',
        'CREATE TRIGGER',
        'a change of the schema commits and cannot be undone',
        outside,
      ),
      sqlite: refusedBySqlite(
        'CREATE TRIGGER late AFTER INSERT ON account BEGIN DELETE FROM archive; END',
        'it changes the schema or attaches a database',
      ),
    },
    {
      name: '`GRANT`',
      postgres: refused(
        'GRANT SELECT ON account TO PUBLIC',
        'GRANT',
        'a change of the schema cannot be undone',
        outside,
      ),
      mysql: refused(
        'GRANT SELECT ON account TO settee',
        'GRANT',
        'it is not known to be safe',
        outside,
      ),
      sqlite: absent,
    },
    {
      name: '`SELECT … INTO` a table or a file',
      postgres: refused(
        'SELECT * INTO fresh FROM account',
        'SELECT INTO',
        'it creates a table',
        'create it before and use INSERT … SELECT',
      ),
      mysql: refused(
        "SELECT * FROM account INTO OUTFILE '/nowhere/rows.csv'",
        'SELECT … INTO OUTFILE',
        'a file cannot be taken back',
        'write the file in the application',
      ),
      sqlite: absent,
    },
    {
      name: '`VACUUM`, `ANALYZE`, `OPTIMIZE TABLE`',
      postgres: refused('VACUUM account', 'VACUUM', 'it is not known to be safe', outside),
      mysql: refused('OPTIMIZE TABLE account', 'OPTIMIZE', 'it is not known to be safe', outside),
      sqlite: refusedBySqlite('VACUUM', 'it is no query'),
    },
    {
      name: '`PRAGMA` that sets something',
      postgres: absent,
      mysql: absent,
      sqlite: refusedBySqlite(
        'PRAGMA user_version = 3',
        'it is PRAGMA user_version, which may change the database',
      ),
    },
    {
      name: '`ATTACH`',
      postgres: absent,
      mysql: absent,
      sqlite: refusedBySqlite(
        "ATTACH ':memory:' AS third",
        'it changes the schema or attaches a database',
      ),
    },
  ],
}

const calls = (name: string): string => `UPDATE account SET money = ${name}() WHERE id = 1`

export const routines: FormGroup = {
  title: 'Functions and procedures',
  forms: [
    {
      name: 'a function of the database itself',
      postgres: undone('UPDATE account SET owner = upper(owner), money = abs(-money)'),
      mysql: undone('UPDATE account SET owner = upper(owner), money = abs(-money)'),
      sqlite: undone('UPDATE account SET owner = upper(owner), money = abs(-money)'),
    },
    {
      name: 'a function that is declared to write nothing (`STABLE`, `READS SQL DATA`)',
      postgres: undone(calls('reads')),
      mysql: undone(calls('reads_seven')),
      sqlite: absent,
    },
    {
      name: 'a function that may write',
      postgres: refused(
        calls('writes'),
        'a call of the volatile function public.writes',
        'what it writes cannot be undone',
        'declare it STABLE if it writes nothing, or send its statements one by one',
      ),
      mysql: refused(
        calls('writes'),
        'a call of the function forms.writes',
        'it is declared MODIFIES SQL DATA, and what it writes cannot be undone',
        'declare it READS SQL DATA or NO SQL if it writes nothing',
      ),
      sqlite: absent,
    },
    {
      name: 'such a function in a `SELECT`',
      postgres: refused(
        'SELECT writes()',
        'a call of the volatile function public.writes',
        'what it writes cannot be undone',
        'declare it STABLE if it writes nothing, or send its statements one by one',
      ),
      mysql: refused(
        'SELECT writes()',
        'a call of the function forms.writes',
        'it is declared MODIFIES SQL DATA, and what it writes cannot be undone',
        'declare it READS SQL DATA or NO SQL if it writes nothing',
      ),
      sqlite: absent,
    },
    {
      name: 'such a function as the default of a column',
      postgres: unnoticed('INSERT INTO defaulted (id) VALUES (1)'),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`CALL`',
      postgres: refused(
        'CALL work()',
        'CALL',
        'what the procedure does is not known',
        'send its statements one by one',
      ),
      mysql: refused(
        'CALL work()',
        'CALL',
        'what the procedure does is not known',
        'send its statements one by one',
      ),
      sqlite: absent,
    },
    {
      name: '`DO`',
      postgres: refused(
        'DO $$ BEGIN DELETE FROM account; END $$',
        'DO',
        'what the block does is not known',
        'send its statements one by one',
      ),
      mysql: refused('DO writes()', 'DO', 'what its functions do is not known', 'use SELECT'),
      sqlite: absent,
    },
    {
      name: 'a statement that cannot be parsed',
      postgres: refused(
        'DELETE FORM account',
        'a statement',
        'it cannot be parsed (syntax error at or near "FORM")',
        'correct it',
      ),
      mysql: refused(
        'DELETE FORM account',
        'a statement',
        'it cannot be parsed (expected FROM, but found "account" at line 1, column 13 (offset 12))',
        'correct it',
      ),
      sqlite: absent,
    },
  ],
}
