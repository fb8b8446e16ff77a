/**
 * What the checks of one release share: the Java client, the tap, the coordinator behind it and a
 * database of each kind with the table that the checks work on.
 */
import assert from 'node:assert/strict'
import { createDatabase, type TestDatabase, type TestDatabases } from '../harness-databases.ts'
import { startCoordinator, type TestCoordinator } from '../harness-coordinator.ts'
import { eventually } from '../harness-report.ts'
import { openTap, type Tap } from '../harness-tap.ts'
import { JavaClient, type ClientVersion } from './java-client.ts'

export interface Scene {
  readonly version: ClientVersion
  readonly client: JavaClient
  readonly tap: Tap
  readonly coordinator: TestCoordinator
  readonly databases: Readonly<Record<TestDatabase['kind'], TestDatabase>>
  stop(): Promise<void>
}

export async function openScene(
  version: ClientVersion,
  servers: TestDatabases,
  logFolder: string,
): Promise<Scene> {
  let coordinatorAddress = ''
  const tap = await openTap(() => coordinatorAddress)
  const coordinator = await startCoordinator({ advertisedAddress: tap.address })
  coordinatorAddress = coordinator.address
  const name = `seata_${version.replaceAll('.', '_')}`
  const [mariadb, postgres] = await Promise.all([
    createDatabase(servers, 'mariadb', name),
    createDatabase(servers, 'postgres', name),
  ])
  const client = await JavaClient.start({
    version,
    applicationId: `java-${version}`,
    coordinator: tap.address,
    logFolder,
  })
  for (const database of [mariadb, postgres]) {
    await createAccounts(database)
    assert.equal(await client.open(database), database.jdbcUrl)
  }
  return {
    version,
    client,
    tap,
    coordinator,
    databases: { mariadb, postgres },
    async stop() {
      await client.stop()
      await tap.stop()
      await coordinator.stop()
    },
  }
}

async function createAccounts(database: TestDatabase): Promise<void> {
  await database.query('CREATE TABLE account (id INT PRIMARY KEY, owner VARCHAR(40), money INT)')
  await resetAccounts(database)
}

/** Accounts 1 to 9 with 100 each. */
export async function resetAccounts(database: TestDatabase): Promise<void> {
  await database.query('DELETE FROM account')
  const rows = Array.from({ length: 9 }, (_, i) => `(${i + 1}, 'owner ${i + 1}', 100)`)
  await database.query(`INSERT INTO account (id, owner, money) VALUES ${rows.join(',')}`)
}

/** Every account as `id:owner:money`. */
export async function accountsOf(database: TestDatabase): Promise<string[]> {
  const rows = await database.query('SELECT id, owner, money FROM account ORDER BY id')
  return rows.map(({ id, owner, money }) => [id, owner, money].join(':'))
}

export async function moneyOf(database: TestDatabase, id: number): Promise<number> {
  const [row] = await database.query('SELECT money FROM account WHERE id = ?', [id])
  return Number(row?.money)
}

/**
 * Waits until no undo log is left of the transaction.
 * @param mayDefend the resource manager may have been asked twice, and have left a row for the
 *   second time that keeps a late phase one out. Default false.
 */
export async function undoLogsGone(
  database: TestDatabase,
  xid: string,
  mayDefend = false,
): Promise<void> {
  const statuses = mayDefend ? 'log_status = 0' : 'log_status IN (0, 1)'
  await eventually(`no undo log of ${xid}`, async () => {
    const rows = await database.query(
      `SELECT branch_id FROM undo_log WHERE xid = ? AND ${statuses}`,
      [xid],
    )
    return rows.length === 0
  })
}
