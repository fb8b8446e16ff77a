/** Unmodified Java clients of Seata against Settee's coordinator. */
import { fileURLToPath } from 'node:url'
import type { PartOptions } from '../main.ts'
import { startDatabases } from '../harness-databases.ts'
import { buildJava } from '../harness-java.ts'
import type { Report } from '../harness-report.ts'
import { checkAt } from './at-checks.ts'
import { Fixtures } from './fixtures.ts'
import { clientVersions } from './java-client.ts'
import { checkClient, checkHeartbeats, checkWire } from './client-checks.ts'
import { checkRestart } from './restart-checks.ts'
import { openScene, type Scene } from './scene.ts'

/** Of the newest run; git ignores it. */
const logFolder = fileURLToPath(new URL('../../java/seata-client/target/logs', import.meta.url))

export async function runPart(report: Report, options: PartOptions): Promise<void> {
  for (const version of clientVersions) buildJava('seata-client', version)
  report.note(`logs of the Java clients: ${logFolder}`)
  const servers = await startDatabases()
  const scenes: Scene[] = []
  const fixtures = new Fixtures()
  try {
    for (const version of clientVersions) {
      report.peer('seata-all', version)
      scenes.push(await openScene(version, servers, logFolder))
    }
    // They share nothing, and most of their time they wait for timers of the clients.
    await Promise.all(scenes.map((scene) => checkRelease(report, scene)))
    // Last, since what the originals cannot roll back is tried again and again from now on.
    for (const scene of scenes) await fixtures.capture(scene)
    if (options.capture) await fixtures.write()
    await fixtures.compare(report.group('fixtures'))
    for (const scene of scenes) await checkWire(report.group(scene.version), scene)
  } finally {
    for (const scene of scenes) await scene.stop()
    await servers.stop()
  }
}

async function checkRelease(report: Report, scene: Scene): Promise<void> {
  const { version } = scene
  for (const database of Object.values(scene.databases)) {
    await checkAt(report.group(`${version} ${database.kind}`), scene, database)
  }
  const group = report.group(version)
  await checkClient(group, scene)
  await checkHeartbeats(group, scene)
  await checkRestart(group, scene)
}
