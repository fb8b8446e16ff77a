/**
 * The process of crash.test.ts that kills itself: `node test-crash-child.ts <file> <instant>`.
 */
import { DatabaseSync } from 'node:sqlite'
import { FakeCoordinator } from './test-coordinator.ts'
import { createSqliteResource } from './sqlite-resource.ts'

const [path, instant] = process.argv.slice(2) as [string, string]
const coordinator = new FakeCoordinator()
const { pool, resource } = createSqliteResource({
  database: new DatabaseSync(path),
  port: coordinator,
})
coordinator.addResource(resource)
if (instant === 'registered') coordinator.beforeRegister = die
const xid = coordinator.begin()
await coordinator.within(xid, () => pool.query(`UPDATE account SET money = money - 10`))
if (instant === 'answered') await coordinator.commit(xid)
die()

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}
