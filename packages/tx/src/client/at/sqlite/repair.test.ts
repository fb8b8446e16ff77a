import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BranchStatus } from '../../../protocol/status.ts'
import { repairChoices, type RepairChoice } from '../../repair-choice.ts'
import type { DirtyReportJson } from '../dirty-report.ts'
import { dump, openTestDatabase, undoRowCount } from './test-database.ts'

const schema = `
CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT, money INT);
INSERT INTO account VALUES (1, 'Ann', 100), (2, 'Bo', 100);
`

interface RepairCase {
  readonly title: string
  readonly inside: string
  readonly outside: string
  /** What the console shows as `before`, `after` and `now`. */
  readonly states: readonly unknown[]
  readonly sql: Readonly<Record<RepairChoice, string>>
  /** The row with id 1 after each choice; undefined when there is none. */
  readonly rows: Readonly<Record<RepairChoice, readonly unknown[] | undefined>>
}

const cases: readonly RepairCase[] = [
  {
    title: 'a changed row that was changed again',
    inside: `UPDATE account SET money = money - 30`,
    outside: `UPDATE account SET money = 55 WHERE id = 1`,
    states: [
      { id: '1', money: '100' },
      { id: '1', money: '70' },
      { id: '1', money: '55' },
    ],
    sql: {
      before: `UPDATE "account" SET "money" = 100 WHERE "id" = 1;`,
      after: `UPDATE "account" SET "money" = 70 WHERE "id" = 1;`,
      now: '',
    },
    rows: { before: [1, 'Ann', 100], after: [1, 'Ann', 70], now: [1, 'Ann', 55] },
  },
  {
    title: 'a changed row that was deleted',
    inside: `UPDATE account SET owner = 'A''b', money = money - 30`,
    outside: `DELETE FROM account WHERE id = 1`,
    states: [
      { id: '1', owner: 'Ann', money: '100' },
      { id: '1', owner: "A'b", money: '70' },
      undefined,
    ],
    sql: {
      before: `INSERT INTO "account" ("id", "owner", "money") VALUES (1, 'Ann', 100);`,
      after: `INSERT INTO "account" ("id", "owner", "money") VALUES (1, 'A''b', 70);`,
      now: '',
    },
    rows: { before: [1, 'Ann', 100], after: [1, "A'b", 70], now: undefined },
  },
  {
    title: 'a deleted row whose key is taken',
    inside: `DELETE FROM account WHERE id = 1`,
    outside: `INSERT INTO account VALUES (1, 'Cy', 5)`,
    states: [
      { id: '1', owner: 'Ann', money: '100' },
      undefined,
      { id: '1', owner: 'Cy', money: '5' },
    ],
    sql: {
      before: `UPDATE "account" SET "owner" = 'Ann', "money" = 100 WHERE "id" = 1;`,
      after: `DELETE FROM "account" WHERE "id" = 1;`,
      now: '',
    },
    rows: { before: [1, 'Ann', 100], after: undefined, now: [1, 'Cy', 5] },
  },
]

for (const { title, inside, outside, states, sql, rows } of cases) {
  for (const choice of repairChoices) {
    test(`${title}: a person chooses ${choice}, the other row is rolled back`, async (t) => {
      const { database, coordinator, pool, resource } = openTestDatabase(t, schema)
      const xid = coordinator.begin()
      await coordinator.within(xid, () => pool.query(inside))
      await pool.query(outside)
      const dirty = dump(database)
      await coordinator.rollback(xid)
      const [report] = coordinator.reports
      assert.equal(report!.status, BranchStatus.PhaseTwo_RollbackFailed_Unretryable)
      assert.equal(dump(database), dirty)

      const { dirty: shown } = JSON.parse(report!.applicationData) as { dirty: DirtyReportJson }
      assert.equal(shown.code, 'SETTEE_TX_DIRTY_DATA')
      const [row] = shown.rows
      assert.deepEqual([row!.before, row!.after, row!.now], states)
      assert.deepEqual(row!.sql, sql)

      assert.equal(
        await resource.rollbackBranch(xid, report!.branchId, choice),
        BranchStatus.PhaseTwo_Rollbacked,
      )
      const found = database.prepare('SELECT * FROM account WHERE id = 1').get()
      assert.deepEqual(found && Object.values(found), rows[choice])
      const other = database.prepare('SELECT money FROM account WHERE id = 2').get()
      assert.equal(other!['money'], 100)
      assert.equal(undoRowCount(database), 0)
    })
  }
}
