/** Settee's transaction manager and AT resource manager against the original Seata server. */
import type { TestDatabases } from '../harness-databases.ts'
import { startDatabases } from '../harness-databases.ts'
import type { Report } from '../harness-report.ts'
import { checkAtClient, checkWrongOrder } from './at-checks.ts'
import { checkHeartbeats, checkKills } from './connection-checks.ts'
import { openServerScene } from './scene.ts'
import { seataServerVersion } from './seata-server.ts'
import { checkWire } from './wire-checks.ts'

export async function runPart(report: Report): Promise<void> {
  const servers: TestDatabases = await startDatabases()
  try {
    const scene = await openServerScene(servers)
    report.peer('seata-server', seataServerVersion)
    try {
      const name = `seata-server ${seataServerVersion}`
      for (const { at, otherAt } of scene.databases) {
        const group = report.group(`${name} ${at.database.kind}`)
        await checkAtClient(group, scene, at, otherAt)
        await checkKills(group, scene, at)
        await checkWrongOrder(group, scene, at)
      }
      await checkHeartbeats(report.group(name), scene, scene.databases[0]!.at)
      await checkWire(report.group(name), scene)
    } finally {
      await scene.stop()
    }
  } finally {
    await servers.stop()
  }
}
