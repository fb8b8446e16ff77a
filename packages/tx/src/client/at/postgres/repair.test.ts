import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { BranchStatus } from '../../../protocol/status.ts'
import { repairChoices, type RepairChoice } from '../../repair-choice.ts'
import type { DirtyReportJson, DirtyRow } from '../dirty-report.ts'
import { createFixture, type Fixture } from './test-fixture.ts'
import { startTestPostgres, type TestPostgres } from './test-postgres.ts'

const schema = `
CREATE TABLE account (id int PRIMARY KEY, owner text UNIQUE, money numeric(10,2));
`

interface RepairCase {
  readonly title: string
  readonly inside: readonly string[]
  readonly outside: string
  readonly states: Pick<DirtyRow, 'before' | 'after' | 'now'>
  readonly sql: Readonly<Record<RepairChoice, string>>
  /** The row with id 1 after each choice. */
  readonly rows: Readonly<Record<RepairChoice, readonly unknown[] | undefined>>
}

const ann = { id: '1', owner: 'Ann', money: '100.00' }

const cases: readonly RepairCase[] = [
  {
    title: 'a row that two statements changed and somebody else too',
    inside: [
      `UPDATE account SET money = money - 30`,
      `UPDATE account SET owner = 'A''n\\n', money = money - 1 WHERE id = 1`,
    ],
    outside: `UPDATE account SET money = 55 WHERE id = 1`,
    states: {
      before: ann,
      after: { id: '1', owner: `A'n\\n`, money: '69.00' },
      now: { id: '1', owner: `A'n\\n`, money: '55.00' },
    },
    sql: {
      before: `UPDATE "public"."account" SET "money" = '100.00', "owner" = 'Ann' WHERE "id" = '1';`,
      after: `UPDATE "public"."account" SET "money" = '69.00' WHERE "id" = '1';`,
      now: '',
    },
    rows: {
      before: [1, 'Ann', '100.00'],
      after: [1, `A'n\\n`, '69.00'],
      now: [1, `A'n\\n`, '55.00'],
    },
  },
  {
    title: 'a deleted row whose key is taken',
    inside: [`DELETE FROM account WHERE id = 1`, `UPDATE account SET money = 0 WHERE id = 2`],
    outside: `INSERT INTO account VALUES (1, 'Cy', 5)`,
    states: { before: ann, after: undefined, now: { id: '1', owner: 'Cy', money: '5.00' } },
    sql: {
      before: `UPDATE "public"."account" SET "owner" = 'Ann', "money" = '100.00' WHERE "id" = '1';`,
      after: `DELETE FROM "public"."account" WHERE "id" = '1';`,
      now: '',
    },
    rows: { before: [1, 'Ann', '100.00'], after: undefined, now: [1, 'Cy', '5.00'] },
  },
  {
    title: 'an inserted row that was changed',
    inside: [`DELETE FROM account WHERE id = 1`, `INSERT INTO account VALUES (1, 'New', 1)`],
    outside: `UPDATE account SET money = 2 WHERE id = 1`,
    states: {
      before: ann,
      after: { id: '1', owner: 'New', money: '1.00' },
      now: { id: '1', owner: 'New', money: '2.00' },
    },
    sql: {
      before: `UPDATE "public"."account" SET "owner" = 'Ann', "money" = '100.00' WHERE "id" = '1';`,
      after: `UPDATE "public"."account" SET "money" = '1.00' WHERE "id" = '1';`,
      now: '',
    },
    rows: { before: [1, 'Ann', '100.00'], after: [1, 'New', '1.00'], now: [1, 'New', '2.00'] },
  },
]

suite('repair of dirty rows on PostgreSQL', () => {
  let server: TestPostgres
  let fixture: Fixture

  before(async () => {
    server = await startTestPostgres()
    fixture = await createFixture(server, schema)
  })
  after(() => server.stop())

  for (const { title, inside, outside, states, sql, rows } of cases) {
    for (const choice of repairChoices) {
      test(`${title}: a person chooses ${choice}, the other rows are rolled back`, async () => {
        const { coordinator, pool, plain, resource } = fixture
        await plain.query(
          `DELETE FROM undo_log; DELETE FROM account;
           INSERT INTO account VALUES (1, 'Ann', 100), (2, 'Bo', 100)`,
        )
        const { xid } = await coordinator.run(() =>
          pool.transaction(async (client) => {
            for (const statement of inside) await client.query(statement)
          }),
        )
        await plain.query(outside)
        await coordinator.rollback(xid)
        const report = coordinator.reports.at(-1)!
        const { dirty } = JSON.parse(report.applicationData) as { dirty: DirtyReportJson }
        assert.equal(dirty.rows.length, 1)
        const [row] = dirty.rows
        assert.deepEqual({ before: row!.before, after: row!.after, now: row!.now }, states)
        assert.deepEqual(row!.sql, sql)

        const status = await resource.rollbackBranch(xid, report.branchId, choice)
        assert.equal(status, BranchStatus.PhaseTwo_Rollbacked)
        const found = await plain.query({
          text: 'SELECT id, owner, money FROM account ORDER BY id',
          rowMode: 'array',
        })
        const expected = rows[choice] === undefined ? [] : [rows[choice]]
        assert.deepEqual(found.rows, [...expected, [2, 'Bo', '100.00']])
        assert.equal(await fixture.undoCount(), 0)
      })
    }
  }

  test('a row whose unique value is taken keeps what the branch left, if told so', async () => {
    const { coordinator, pool, plain, resource } = fixture
    await plain.query(`DELETE FROM account; INSERT INTO account VALUES (1, 'Ann', 100)`)
    const { xid } = await coordinator.run(() => pool.query(`UPDATE account SET owner = 'An'`))
    await plain.query(`INSERT INTO account VALUES (3, 'Ann', 0)`)
    await coordinator.rollback(xid)
    const { branchId } = coordinator.reports.at(-1)!
    const refused = await resource.rollbackBranch(xid, branchId, 'before')
    assert.equal(refused, BranchStatus.PhaseTwo_RollbackFailed_Unretryable)
    const status = await resource.rollbackBranch(xid, branchId, 'after')
    assert.equal(status, BranchStatus.PhaseTwo_Rollbacked)
    const { rows } = await plain.query('SELECT owner FROM account ORDER BY id')
    assert.deepEqual(rows, [{ owner: 'An' }, { owner: 'Ann' }])
  })
})
