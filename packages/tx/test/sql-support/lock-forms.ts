/** SELECT … FOR UPDATE and other ways to lock. */
import { absent, locking, mysqlAlone, passing, refused, type Form, type FormGroup } from './form.ts'

const select = 'SELECT id, money FROM account WHERE id < 3'
const join = 'SELECT account.id, amount FROM account JOIN transfer ON transfer.account = account.id'

function lockingForm(name: string, ...[postgres, mysql = postgres]: readonly string[]): Form {
  return { name, postgres: locking(postgres!), mysql: locking(mysql!), sqlite: absent }
}

export const locks: FormGroup = {
  title: 'SELECT … FOR UPDATE',
  forms: [
    {
      name: '`SELECT`',
      postgres: passing(select),
      mysql: passing(select),
      sqlite: passing(select),
    },
    lockingForm('`SELECT … FOR UPDATE`', `${select} FOR UPDATE`),
    lockingForm('`FOR UPDATE NOWAIT`', `${select} FOR UPDATE NOWAIT`),
    {
      name: '`FOR UPDATE WAIT n`',
      postgres: absent,
      mysql: locking(`${select} FOR UPDATE WAIT 1`),
      sqlite: absent,
    },
    lockingForm('`FOR UPDATE SKIP LOCKED`', `${select} FOR UPDATE SKIP LOCKED`),
    lockingForm('`FOR UPDATE` with `ORDER BY … LIMIT`', `${select} ORDER BY id LIMIT 1 FOR UPDATE`),
    lockingForm('`FOR UPDATE` of a join', `${join} FOR UPDATE`),
    lockingForm(
      '`FOR UPDATE` with a subquery in its condition',
      'SELECT id FROM account WHERE id IN (SELECT account FROM transfer) FOR UPDATE',
    ),
    {
      name: '`FOR UPDATE OF …`',
      postgres: locking(`${join} FOR UPDATE OF account`),
      mysql: mysqlAlone,
      sqlite: absent,
    },
    {
      name: '`FOR UPDATE` with `DISTINCT`, `GROUP BY` or an aggregate',
      postgres: absent,
      mysql: locking('SELECT COUNT(*) AS n FROM account WHERE id < 3 FOR UPDATE'),
      sqlite: absent,
    },
    {
      name: '`FOR NO KEY UPDATE`',
      postgres: locking(`${select} FOR NO KEY UPDATE`),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`FOR SHARE`, `LOCK IN SHARE MODE`',
      postgres: locking(`${select} FOR SHARE`),
      mysql: passing(`${select} LOCK IN SHARE MODE`),
      sqlite: absent,
    },
    {
      name: '`FOR KEY SHARE`',
      postgres: locking(`${select} FOR KEY SHARE`),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`FOR UPDATE` in a subquery',
      postgres: refused(
        'SELECT * FROM (SELECT * FROM account FOR UPDATE) AS x',
        'FOR UPDATE in a subquery',
        'the rows that it locks are not known',
        'send it as a statement of its own',
      ),
      mysql: refused(
        'SELECT * FROM (SELECT * FROM account FOR UPDATE) AS x',
        'FOR UPDATE in a subquery',
        'the rows that it locks are not known',
        'send it as a statement of its own',
      ),
      sqlite: absent,
    },
    {
      name: '`FOR UPDATE` of a subquery',
      postgres: refused(
        'SELECT * FROM (SELECT * FROM account) AS x FOR UPDATE',
        'SELECT … FOR UPDATE of a subquery',
        'the rows that it locks are not known',
        'name the tables with FOR UPDATE OF, or send the subquery as a statement of its own',
      ),
      mysql: passing('SELECT * FROM (SELECT * FROM account) AS x FOR UPDATE'),
      sqlite: absent,
    },
    {
      name: '`FOR UPDATE` of a `UNION`',
      postgres: absent,
      mysql: refused(
        '(SELECT id FROM account) UNION (SELECT id FROM transfer) FOR UPDATE',
        'FOR UPDATE of a UNION or a query in parentheses',
        'the rows that it locks are not known',
        'lock the rows with a SELECT of their own',
      ),
      sqlite: absent,
    },
    {
      name: '`FOR UPDATE` of a table without primary key',
      postgres: refused(
        'SELECT * FROM keyless FOR UPDATE',
        'a change of public.keyless',
        'it has no primary key to find its rows by',
        'add a primary key',
      ),
      mysql: refused(
        'SELECT * FROM keyless FOR UPDATE',
        'a change of forms.keyless',
        'it has no primary key to find its rows by',
        'add a primary key',
      ),
      sqlite: absent,
    },
    {
      name: 'a cursor `FOR UPDATE`',
      postgres: refused(
        ['BEGIN', 'DECLARE c CURSOR FOR SELECT * FROM account FOR UPDATE'],
        'DECLARE of a cursor that locks or writes',
        'the rows that it comes to are not known',
        'declare it without, and change the rows by UPDATE or DELETE',
      ),
      mysql: absent,
      sqlite: absent,
    },
    {
      name: '`LOCK TABLE`, `LOCK TABLES`',
      postgres: passing('BEGIN', 'LOCK TABLE account IN SHARE MODE', 'COMMIT'),
      mysql: refused(
        'LOCK TABLES account WRITE',
        'LOCK TABLES',
        'it commits the local transaction',
        'use SELECT … FOR UPDATE',
      ),
      sqlite: absent,
    },
    {
      name: '`HANDLER`',
      postgres: absent,
      mysql: refused('HANDLER account OPEN', 'HANDLER', 'it reads past the locks', 'use SELECT'),
      sqlite: absent,
    },
    {
      name: 'advisory locks (`pg_advisory_xact_lock`, `GET_LOCK`)',
      postgres: passing('SELECT 1 AS one FROM pg_advisory_xact_lock(1)'),
      mysql: passing("SELECT GET_LOCK('forms', 0), RELEASE_LOCK('forms')"),
      sqlite: absent,
    },
  ],
}
