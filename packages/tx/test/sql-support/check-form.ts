/** Checks that a database treats a form as its cell says, neither better nor worse. */
import assert from 'node:assert/strict'
import { isSetteeError } from '@settee/kit'
import { BranchStatus } from '../../src/protocol/status.ts'
import type {
  Cell,
  Dialect,
  LockingCell,
  PassingCell,
  RefusedCell,
  UndoneCell,
  UnnoticedCell,
} from './form.ts'
import type { FormDatabase } from './form-database.ts'

export async function checkForm(
  database: FormDatabase,
  dialect: Dialect,
  cell: Cell,
): Promise<void> {
  await database.reset()
  database.coordinator.clear()
  switch (cell.kind) {
    case 'undone':
      return checkUndone(database, cell)
    case 'locking':
      return checkLocking(database, dialect, cell)
    case 'passing':
      return checkPassing(database, cell)
    case 'unnoticed':
      return checkUnnoticed(database, cell)
    case 'refused':
      return checkRefused(database, cell)
    case 'absent':
      return undefined
  }
}

async function checkUndone(database: FormDatabase, { steps, isRandom }: UndoneCell): Promise<void> {
  const { coordinator } = database
  const start = await database.dump('at')
  const xid = coordinator.begin()
  const answers = await coordinator.within(xid, () => database.run('at', steps))
  const changed = await database.dump('at')
  const bare = await database.run('twin', steps)
  assert.notDeepEqual(changed, start, 'it changed nothing')
  if (isRandom) {
    const tables = changed.map(([table]) => table)
    assert.deepEqual(
      (await database.dump('twin')).map(([table]) => table),
      tables,
    )
  } else {
    assert.deepEqual(answers, bare, 'the driver answers differently')
    assert.deepEqual(changed, await database.dump('twin'), 'the rows differ from those outside')
  }
  assert.ok(coordinator.branchesOf(xid).length > 0, 'it registered no branch')
  const statuses = await coordinator.rollback(xid)
  assert.ok(statuses.every((status) => status === BranchStatus.PhaseTwo_Rollbacked))
  assert.deepEqual(await database.dump('at'), start, 'the rollback left something behind')
  await checkNothingLeft(database)
  await checkCommit(database, steps)
}

async function checkCommit(database: FormDatabase, steps: UndoneCell['steps']): Promise<void> {
  const { coordinator } = database
  const xid = coordinator.begin()
  await coordinator.within(xid, () => database.run('at', steps))
  const changed = await database.dump('at')
  assert.ok((await database.undoCount()) > 0)
  assert.ok(coordinator.lockCount > 0, 'it took no global lock')
  const statuses = await coordinator.commit(xid)
  assert.ok(statuses.every((status) => status === BranchStatus.PhaseTwo_Committed))
  assert.deepEqual(await database.dump('at'), changed)
  await checkNothingLeft(database)
}

/** The statement locks rows of account, which all dialects have. */
async function checkLocking(
  database: FormDatabase,
  dialect: Dialect,
  { steps }: LockingCell,
): Promise<void> {
  const { coordinator } = database
  await checkPassing(database, { kind: 'passing', steps })
  const holder = coordinator.begin()
  const change = 'UPDATE account SET money = money + 1'
  await coordinator.within(holder, () => database.run('at', [change]))
  await assert.rejects(
    coordinator.within(coordinator.begin(), () => database.run('at', steps)),
    (error) => isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT'),
    `${dialect} does not look at the global locks`,
  )
  await coordinator.rollback(holder)
}

async function checkPassing(database: FormDatabase, { steps }: PassingCell): Promise<void> {
  const { coordinator } = database
  const start = await database.dump('at')
  const xid = coordinator.begin()
  const answers = await coordinator.within(xid, () => database.run('at', steps))
  assert.deepEqual(answers, await database.run('twin', steps), 'the driver answers differently')
  assert.deepEqual(coordinator.branchesOf(xid), [])
  assert.deepEqual(await database.dump('at'), start)
  await coordinator.commit(xid)
  await checkNothingLeft(database)
}

/** Fails as soon as the gap is closed, so that the page does not go on warning of it. */
async function checkUnnoticed(database: FormDatabase, { steps }: UnnoticedCell): Promise<void> {
  const { coordinator } = database
  const start = await database.dump('at')
  const xid = coordinator.begin()
  await coordinator.within(xid, () => database.run('at', steps))
  await coordinator.rollback(xid)
  assert.notDeepEqual(await database.dump('at'), start, 'it is undone: the page can say so')
}

async function checkRefused(
  database: FormDatabase,
  { steps, message }: RefusedCell,
): Promise<void> {
  const { coordinator } = database
  const start = [await database.dump('at'), await database.objects()]
  const xid = coordinator.begin()
  await assert.rejects(
    coordinator.within(xid, () => database.run('at', steps)),
    (error: Error) => {
      assert.ok(isSetteeError(error, 'SETTEE_TX_UNSUPPORTED_SQL'), String(error))
      assert.equal(error.message, message)
      return true
    },
  )
  assert.deepEqual(coordinator.branchesOf(xid), [])
  assert.deepEqual([await database.dump('at'), await database.objects()], start)
  await checkNothingLeft(database)
}

async function checkNothingLeft(database: FormDatabase): Promise<void> {
  assert.equal(await database.undoCount(), 0, 'undo rows are left')
  assert.equal(database.coordinator.lockCount, 0, 'global locks are left')
}
