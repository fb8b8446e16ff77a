/**
 * `npm run bench -- journal`: durable records of 200 bytes a second, from 1, 16 and 256 concurrent
 * writers, each of which waits for its record to be durable before it appends the next.
 *
 * Peers: the raw floor, which is group commit with nothing else (fs.write and fdatasync on a
 * preallocated file, no checksum, no index, no API); node:sqlite in WAL mode with full
 * synchronisation, one insert a transaction and, more than fair to it, as many inserts in one
 * transaction as there are writers. Goal: at least half of the floor.
 */
import fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Queue } from '@settee/kit'
import { createFileJournal } from '@settee/journal'
import { createReport, measure, type BenchOptions, type Row, type Workload } from './harness.ts'

const recordBytes = 200
/** Keeps the journal's directory small, as a replica's snapshots do. */
const snapshotEveryBytes = 128 * 2 ** 20
const emptyState = new Uint8Array(0)
const nodeVersion = process.versions.node
const sqliteVersion = process.versions['sqlite'] ?? 'unknown'

export async function run(options: BenchOptions): Promise<Row[]> {
  const report = createReport('journal', options)
  const dir = await mkdtemp(path.join(os.tmpdir(), 'settee-bench-'))
  try {
    for (const writers of [1, 16, 256]) {
      const name = writers === 1 ? '1 writer' : `${writers} writers`
      const settee = await measureJournal(path.join(dir, `journal-${writers}`), writers, options)
      report.add({ case: name, system: 'settee', version: '0.1.0', ours: true, figures: settee })
      const floor = await measureFloor(path.join(dir, 'floor'), writers, options)
      const raw = { system: 'raw write+fdatasync', version: nodeVersion, ours: false }
      report.add({ case: name, ...raw, figures: floor })
      const single = await measureSqlite(path.join(dir, 'sqlite'), 1, options)
      const sqlite = { system: 'node:sqlite, 1 a txn', version: sqliteVersion, ours: false }
      report.add({ case: name, ...sqlite, figures: single })
      if (writers === 1) continue
      const batched = await measureSqlite(path.join(dir, 'sqlite'), writers, options)
      report.add({
        case: name,
        ...sqlite,
        system: `node:sqlite, ${writers} a txn`,
        figures: batched,
      })
    }
  } finally {
    await rm(dir, { recursive: true })
  }
  return report.rows()
}

type Measured = ReturnType<typeof measure>

async function measureJournal(dir: string, writers: number, options: BenchOptions): Measured {
  const journal = createFileJournal({ dir })
  const waiting = new Queue<() => void>()
  let durableIndex = 0
  let isSaving = false

  async function saveSnapshot(): Promise<void> {
    isSaving = true
    await journal.saveSnapshot(durableIndex, emptyState)
    isSaving = false
  }

  await journal.open({
    onSnapshot: () => undefined,
    onRecord: () => undefined,
    onDurable(index) {
      for (; durableIndex < index; durableIndex++) waiting.shift()!()
      const isDue = journal.stats().bytesSinceSnapshot > snapshotEveryBytes
      if (isDue && !isSaving) void saveSnapshot()
    },
    onFailed(error) {
      throw error
    },
  })
  const record = Buffer.alloc(recordBytes, 'r')
  const workload: Workload = {
    inFlight: writers,
    start(done) {
      journal.append(record)
      waiting.push(done)
    },
  }
  const figures = await measure(workload, options)
  await journal.close()
  return figures
}

/** Group commit and nothing else: what the disk and Node's thread pool allow. */
async function measureFloor(file: string, writers: number, options: BenchOptions): Measured {
  const sizeBytes = 64 * 2 ** 20
  fs.writeFileSync(file, Buffer.alloc(sizeBytes), { flush: true })
  const fd = fs.openSync(file, 'r+')
  const batch = Buffer.alloc(writers * recordBytes, 'r')
  let waiting: (() => void)[] = []
  let isFlushing = false
  let at = 0

  function flush(): void {
    const flushed = waiting
    waiting = []
    const size = flushed.length * recordBytes
    if (at + size > sizeBytes) at = 0
    fs.write(fd, batch, 0, size, at, (writeError) => {
      if (writeError !== null) throw writeError
      at += size
      fs.fdatasync(fd, (syncError) => {
        if (syncError !== null) throw syncError
        for (const done of flushed) done()
        if (waiting.length > 0) setImmediate(flush)
        else isFlushing = false
      })
    })
  }

  const workload: Workload = {
    inFlight: writers,
    start(done) {
      waiting.push(done)
      if (isFlushing) return
      isFlushing = true
      setImmediate(flush)
    },
  }
  const figures = await measure(workload, options)
  fs.closeSync(fd)
  return figures
}

async function measureSqlite(
  file: string,
  perTransaction: number,
  options: BenchOptions,
): Measured {
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec('CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, record BLOB)')
  const insert = database.prepare('INSERT INTO log (record) VALUES (?)')
  const record = Buffer.alloc(recordBytes, 'r')
  const workload: Workload = {
    // Its calls return when they are done, so there is nothing to have in flight.
    inFlight: 1,
    opsPerStart: perTransaction,
    start(done) {
      if (perTransaction > 1) database.exec('BEGIN')
      for (let i = 0; i < perTransaction; i++) insert.run(record)
      if (perTransaction > 1) database.exec('COMMIT')
      done()
    },
  }
  const figures = await measure(workload, options)
  database.close()
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(file + suffix, { force: true })
  return figures
}
