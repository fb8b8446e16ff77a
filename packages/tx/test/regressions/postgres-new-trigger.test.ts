/** What a table looks like is remembered for a minute, in which it may get a trigger. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createFixture, isRefused } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'

const schema = `
CREATE TABLE watched (id int PRIMARY KEY);
CREATE TABLE log (id serial PRIMARY KEY);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN INSERT INTO log DEFAULT VALUES; RETURN NEW; END';
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a table with a new trigger is refused', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, plain, pool } = fixture
  await coordinator.run(() => pool.query('INSERT INTO watched VALUES (1)'))
  await plain.query(
    'CREATE TRIGGER watch AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note()',
  )
  const running = coordinator.run(() => pool.query('INSERT INTO watched VALUES (2)'))
  await assert.rejects(running, isRefused(/trigger watch/))
})

test('a table with a new trigger beside those of its foreign keys is refused', async () => {
  const { coordinator, plain, pool } = await createFixture(server, schema)
  await plain.query(
    'INSERT INTO watched VALUES (1); CREATE TABLE child (id int PRIMARY KEY REFERENCES watched)',
  )
  await coordinator.run(() => pool.query('INSERT INTO watched VALUES (2)'))
  await plain.query('CREATE TRIGGER w AFTER DELETE ON watched FOR EACH ROW EXECUTE FUNCTION note()')
  const running = coordinator.run(() => pool.query('DELETE FROM watched'))
  await assert.rejects(running, isRefused(/trigger w /))
})

test('a table that a new foreign key cascades from is refused, until the key goes', async () => {
  const { coordinator, plain, pool } = await createFixture(server, schema)
  await coordinator.run(() => pool.query('INSERT INTO watched VALUES (1), (2)'))
  await plain.query('CREATE TABLE child (id int PRIMARY KEY REFERENCES watched ON DELETE CASCADE)')
  const remove = (): Promise<unknown> =>
    coordinator.run(() => pool.query('DELETE FROM watched WHERE id = 1'))
  await assert.rejects(remove, isRefused(/foreign key child_id_fkey of public.child/))
})

test('a table whose trigger has gone is accepted at once', async () => {
  const { coordinator, plain, pool } = await createFixture(server, schema)
  await plain.query('CREATE TRIGGER w AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION note()')
  const insert = (): Promise<unknown> =>
    coordinator.run(() => pool.query('INSERT INTO watched VALUES (1)'))
  await assert.rejects(insert, isRefused(/trigger w /))
  await plain.query('DROP TRIGGER w ON watched')
  await insert()
})
