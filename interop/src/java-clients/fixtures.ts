/**
 * What the originals write, kept as lines of JSON in packages/tx/test/fixtures/seata: a capture
 * writes the files, every other run compares. A line names the releases that write exactly this.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildJava, runJava } from '../harness-java.ts'
import type { CheckGroup } from '../harness-report.ts'
import type { ClientVersion } from './java-client.ts'
import type { Scene } from './scene.ts'
import { captureUndo } from './undo-rows.ts'

const folder = fileURLToPath(new URL('../../../packages/tx/test/fixtures/seata', import.meta.url))

export type FixtureName = 'frames' | 'undo-mariadb' | 'undo-postgres'

const about: Readonly<Record<FixtureName, string>> = {
  frames: 'Frames that the encoder of seata-all wrote for the fields beside them.',
  'undo-mariadb': undoAbout('MariaDB 10.11 through MySQL Connector/J 8.4.0'),
  'undo-postgres': undoAbout('PostgreSQL 18 through pgjdbc 42.7.7'),
}

function undoAbout(database: string): string {
  return (
    `Rows of undo_log that seata-all wrote on ${database}, with fixed ids, and the column types ` +
    'that it could not roll back itself.'
  )
}

export class Fixtures {
  readonly #lines = new Map<FixtureName, Map<string, ClientVersion[]>>()

  /** Captures everything that one release writes. */
  async capture(scene: Scene): Promise<void> {
    const { version } = scene
    for (const line of runJava(
      buildJava('seata-client', version),
      'settee.interop.CaptureFrames',
    )) {
      this.#add('frames', version, line)
    }
    for (const database of Object.values(scene.databases)) {
      const name = `undo-${database.kind}` as const
      const { rows, failures } = await captureUndo(scene, database)
      for (const row of rows) this.#add(name, version, JSON.stringify(row))
      for (const [type, reason] of Object.entries(failures)) {
        this.#add(name, version, JSON.stringify({ title: `failure of ${type}`, reason }))
      }
    }
  }

  async write(): Promise<void> {
    await mkdir(folder, { recursive: true })
    for (const name of this.#lines.keys()) await writeFile(fileOf(name), this.#textOf(name))
  }

  /** Fails when a file is not what the originals write now. */
  async compare(group: CheckGroup): Promise<void> {
    for (const name of this.#lines.keys()) {
      await group.check(`the fixture ${name} is what the originals write`, async () => {
        const kept = await readFile(fileOf(name), 'utf8')
        assert.deepEqual(comparable(this.#textOf(name)), comparable(kept))
        return `${kept.length} bytes`
      })
    }
  }

  /** @param content an object as JSON. */
  #add(name: FixtureName, version: ClientVersion, content: string): void {
    const lines = this.#lines.get(name) ?? new Map<string, ClientVersion[]>()
    this.#lines.set(name, lines)
    lines.set(content, [...(lines.get(content) ?? []), version])
  }

  #textOf(name: FixtureName): string {
    const lines = [...this.#lines.get(name)!].map(
      ([content, versions]) => `{"versions":${JSON.stringify(versions)},${content.slice(1)}\n`,
    )
    return `${JSON.stringify({ about: about[name] })}\n${lines.join('')}`
  }
}

function fileOf(name: FixtureName): string {
  return join(folder, `${name}.jsonl`)
}

/** A zip archive holds the time at which it was made, and ids that are not replaced. */
function comparable(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/("rollbackInfo":)"UEsD[^"]*"/, '$1""'))
  return [...new Set(lines.map((line) => (isZip(line) ? line.replace(/\[[^\]]*\]/, '') : line)))]
}

function isZip(line: string): boolean {
  return line.includes('compressorType=ZIP')
}
