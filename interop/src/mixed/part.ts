/**
 * Global transactions with a Java and a TypeScript branch, with Settee's coordinator and with the
 * original's: same locks, and each can roll back what the other one did.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDatabases } from '../harness-databases.ts'
import type { Report } from '../harness-report.ts'
import { clientVersions } from '../java-clients/java-client.ts'
import { checkColumns } from './column-checks.ts'
import { checkOutcomes } from './outcome-checks.ts'
import { MixedScene, startMixedCoordinator, type MixedOptions } from './scene.ts'

export async function runPart(report: Report): Promise<void> {
  const logFolder = await mkdtemp(join(tmpdir(), 'settee-interop-mixed-'))
  report.note(`logs of the Java clients beside TypeScript: ${logFolder}`)
  const servers = await startDatabases()
  try {
    for (const kind of ['settee', 'seata-server'] as const) {
      const coordinator = await startMixedCoordinator(kind)
      try {
        for (const version of clientVersions) {
          await checkVersion({ coordinator, version, servers, logFolder, report })
        }
      } finally {
        await coordinator.stop()
      }
    }
  } finally {
    await servers.stop()
  }
}

async function checkVersion(options: MixedOptions): Promise<void> {
  const { coordinator, version, report } = options
  const scene = await MixedScene.open(options)
  try {
    for (const database of scene.databases) {
      const group = report.group(
        `${coordinator.kind} with Java ${version} and TypeScript, ${database.kind}`,
      )
      await checkOutcomes(group, scene, database)
      // Who coordinates makes no difference to the undo logs.
      if (coordinator.kind === 'settee') await checkColumns(group, scene, database)
    }
  } finally {
    await scene.stop()
  }
}
