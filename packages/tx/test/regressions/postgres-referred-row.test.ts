/** Committed rows refer to a row whose INSERT is rolled back: retrying cannot help. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createPostgresResource } from '../../src/client/at/postgres/postgres-resource.ts'
import { createFixture } from '../../src/client/at/postgres/test-fixture.ts'
import { startTestPostgres, type TestPostgres } from '../../src/client/at/postgres/test-postgres.ts'
import { BranchStatus } from '../../src/protocol/status.ts'

const schema = `
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
`

let server: TestPostgres
before(async () => {
  server = await startTestPostgres()
})
after(() => server.stop())

test('a row that others refer to is dirty', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, pool } = fixture
  const { xid } = await coordinator.run(() => pool.query('INSERT INTO parent VALUES (1)'))
  const other = await coordinator.run(() => pool.query('INSERT INTO child VALUES (1, 1)'))
  await coordinator.commit(other.xid)
  const failed = [BranchStatus.PhaseTwo_RollbackFailed_Unretryable]
  assert.deepEqual(await coordinator.rollback(xid), failed)
  assert.equal(fixture.dirty[0]?.error.code, 'SETTEE_TX_DIRTY_DATA')
})

test('a row that the application may no longer change is dirty', async () => {
  const fixture = await createFixture(server, schema)
  const { coordinator, plain } = fixture
  await plain.query(`CREATE ROLE clerk LOGIN PASSWORD 'clerk';
    GRANT ALL ON parent, undo_log TO clerk;
    GRANT ALL ON SEQUENCE undo_log_id_seq TO clerk`)
  const own = server.openPool(plain.options.database!, { user: 'clerk', password: 'clerk' })
  const dirty: string[] = []
  const { pool, resource } = createPostgresResource({
    pool: own,
    port: coordinator,
    resourceId: 'own',
    onDirty: ({ error }) => dirty.push(error.message),
  })
  coordinator.add(resource)
  const { xid } = await coordinator.run(() => pool.query('INSERT INTO parent VALUES (1)'))
  await plain.query('REVOKE ALL ON parent FROM clerk')
  const failed = [BranchStatus.PhaseTwo_RollbackFailed_Unretryable]
  assert.deepEqual(await coordinator.rollback(xid), failed)
  assert.match(dirty[0]!, /permission denied for table parent/)
})
