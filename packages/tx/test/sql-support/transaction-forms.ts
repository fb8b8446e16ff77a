/** Local transactions, savepoints, and several statements at a time. */
import { absent, passing, refused, refusedBySqlite, undone, type FormGroup } from './form.ts'

const first = 'UPDATE account SET money = 0 WHERE id = 1'
const second = 'DELETE FROM transfer WHERE id = 2'
const third = "INSERT INTO archive VALUES (1, 'new', 5)"
const savepoint = ['BEGIN', first, 'SAVEPOINT a', second] as const
const back = [...savepoint, 'ROLLBACK TO SAVEPOINT a', third, 'COMMIT']
const release = [...savepoint, 'RELEASE SAVEPOINT a', third, 'COMMIT']
const nested = [...savepoint, 'SAVEPOINT b', third, 'RELEASE SAVEPOINT a', 'COMMIT']
const rows = [
  [10, 'a', 1],
  [11, 'b', 2],
]

export const transactions: FormGroup = {
  title: 'Local transactions and several statements',
  forms: [
    {
      name: '`BEGIN … COMMIT`: one branch',
      postgres: undone('BEGIN', first, second, third, 'COMMIT'),
      mysql: undone('START TRANSACTION', first, second, third, 'COMMIT'),
      sqlite: undone('BEGIN', first, second, third, 'COMMIT'),
    },
    {
      name: 'the same row several times in a transaction',
      postgres: undone('BEGIN', first, first.replace('0', '7'), 'DELETE FROM account', 'COMMIT'),
      mysql: undone('BEGIN', first, first.replace('0', '7'), 'DELETE FROM account', 'COMMIT'),
      sqlite: undone('BEGIN', first, first.replace('0', '7'), 'DELETE FROM account', 'COMMIT'),
    },
    {
      name: '`BEGIN … ROLLBACK`: no branch',
      postgres: passing('BEGIN', first, 'ROLLBACK'),
      mysql: passing('BEGIN', first, 'ROLLBACK'),
      sqlite: passing('BEGIN', first, 'ROLLBACK'),
    },
    {
      name: '`SAVEPOINT`, `ROLLBACK TO`',
      postgres: undone(...back),
      mysql: undone(...back),
      sqlite: undone(...back),
    },
    {
      name: '`SAVEPOINT`, `RELEASE`',
      postgres: undone(...release),
      mysql: undone(...release),
      sqlite: undone(...release),
    },
    {
      name: 'savepoints in savepoints',
      postgres: undone(...nested),
      mysql: undone(...nested),
      sqlite: undone(...nested),
    },
    {
      name: '`SET autocommit = 0`',
      postgres: absent,
      mysql: undone('SET autocommit = 0', first, second, 'COMMIT', 'SET autocommit = 1'),
      sqlite: absent,
    },
    {
      name: '`COMMIT AND CHAIN`',
      postgres: refused(
        ['BEGIN', 'COMMIT AND CHAIN'],
        'AND CHAIN',
        'a branch ends with its transaction',
        'send BEGIN as a statement',
      ),
      mysql: refused(
        ['BEGIN', 'COMMIT AND CHAIN'],
        'AND CHAIN',
        'a branch ends with its transaction',
        'send COMMIT alone',
      ),
      sqlite: absent,
    },
    {
      name: 'several statements in one string',
      postgres: undone(`${first}; ${second}; ${third}`),
      mysql: undone(`${first}; ${second}; ${third}`),
      sqlite: refusedBySqlite(
        `${first}; ${second}`,
        'it holds several statements, of which only the first would run',
      ),
    },
    {
      name: 'a string that begins and commits',
      postgres: undone(`BEGIN; ${first}; ${second}; COMMIT`),
      mysql: undone(`BEGIN; ${first}; ${second}; COMMIT`),
      sqlite: absent,
    },
    {
      name: 'a string that commits between its statements',
      postgres: refused(
        `${first}; COMMIT; ${second}`,
        'a string that ends a transaction between its statements',
        'what came before it would be a branch of its own',
        'begin it with BEGIN, or send the statements one by one',
      ),
      mysql: undone(`${first}; COMMIT; ${second}`),
      sqlite: absent,
    },
    {
      name: 'a batch of the driver (`batch` of `mariadb`)',
      postgres: absent,
      mysql: undone({ text: 'INSERT INTO account VALUES (?, ?, ?)', batch: rows }),
      sqlite: absent,
    },
    {
      name: 'a batch of `UPDATE`',
      postgres: absent,
      mysql: undone({
        text: 'UPDATE account SET money = ? WHERE id = ?',
        batch: [
          [5, 1],
          [6, 2],
        ],
      }),
      sqlite: absent,
    },
    {
      name: '`PREPARE`',
      postgres: refused(
        'PREPARE p AS DELETE FROM account',
        'PREPARE',
        'EXECUTE of a name is not supported',
        "send the text; the driver's own {name, text, values} works",
      ),
      mysql: refused(
        "PREPARE p FROM 'DELETE FROM account'",
        'PREPARE',
        'the statement behind the name is not known',
        "send its text; the driver's own execute(sql, values) works",
      ),
      sqlite: absent,
    },
    {
      name: '`EXECUTE`',
      postgres: refused(
        'EXECUTE p',
        'EXECUTE',
        'the statement behind the name is not known',
        "send its text; the driver's own {name, text, values} works",
      ),
      mysql: refused(
        'EXECUTE p',
        'EXECUTE',
        'the statement behind the name is not known',
        "send its text; the driver's own execute(sql, values) works",
      ),
      sqlite: absent,
    },
    {
      name: '`PREPARE TRANSACTION`, `XA`',
      postgres: refused(
        ['BEGIN', "PREPARE TRANSACTION 'x'"],
        'PREPARE TRANSACTION',
        'the branch would outlive its connection',
        'let the coordinator decide with COMMIT',
      ),
      mysql: refused(
        "XA START 'x'",
        'XA',
        'the branch would outlive its connection',
        'let the coordinator decide',
      ),
      sqlite: absent,
    },
    {
      name: '`SET` of a variable of the session',
      postgres: passing("SET lock_timeout = '1s'"),
      mysql: passing('SET SESSION lock_wait_timeout = 10'),
      sqlite: absent,
    },
    {
      name: '`SHOW`, `PRAGMA table_info`',
      postgres: passing('SHOW search_path'),
      mysql: passing('SHOW COLUMNS FROM account'),
      sqlite: passing('PRAGMA table_info(account)'),
    },
    {
      name: '`EXPLAIN`',
      postgres: refused(
        'EXPLAIN ANALYZE DELETE FROM account',
        'EXPLAIN',
        'with ANALYZE it runs the statement',
        'explain outside of it',
      ),
      mysql: refused(
        'ANALYZE DELETE FROM account',
        'ANALYZE',
        'it is not known to be safe',
        'run it outside of the transaction',
      ),
      sqlite: passing('EXPLAIN QUERY PLAN SELECT * FROM account'),
    },
  ],
}
