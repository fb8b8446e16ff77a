import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createManualClock, createSeededRandom, type SetteeError } from '@settee/kit'
import { createFileJournal, type FileJournalOptions } from './file-journal.ts'
import type { Journal, JournalOwner } from './journal.ts'
import { createSimulatedFiles, type SimulatedFiles } from './simulated-files.ts'

const dir = '/journal'
const small = { dir, segmentBytes: 4096 + 4096, maxRecordBytes: 1000 } as const

/** Remembers all that it is told. */
class Recorder implements JournalOwner {
  snapshot: [index: number, text: string] | undefined
  readonly records: [index: number, text: string][] = []
  readonly durable: number[] = []
  readonly failures: SetteeError[] = []
  #waiting: { index: number; resolve: () => void } | undefined

  onSnapshot(index: number, bytes: Uint8Array): void {
    this.snapshot = [index, Buffer.from(bytes).toString()]
  }
  onRecord(index: number, bytes: Uint8Array): void {
    this.records.push([index, Buffer.from(bytes).toString()])
  }
  onDurable(index: number): void {
    this.durable.push(index)
    if (this.#waiting !== undefined && index >= this.#waiting.index) this.#waiting.resolve()
  }
  onFailed(error: SetteeError): void {
    this.failures.push(error)
    this.#waiting?.resolve()
  }
  /** Resolves when `index` is durable or the journal has failed. */
  until(index: number): Promise<void> {
    if ((this.durable.at(-1) ?? 0) >= index) return Promise.resolve()
    return new Promise((resolve) => (this.#waiting = { index, resolve }))
  }
}

async function openJournal(
  files: SimulatedFiles,
  options: Partial<FileJournalOptions> = {},
): Promise<{ journal: Journal; owner: Recorder }> {
  const journal = createFileJournal({ ...small, files, random: createSeededRandom(5), ...options })
  const owner = new Recorder()
  await journal.open(owner)
  return { journal, owner }
}

function createFiles(): SimulatedFiles {
  return createSimulatedFiles(createSeededRandom(1))
}

async function appendAll(
  journal: Journal,
  owner: Recorder,
  texts: readonly string[],
): Promise<void> {
  for (const text of texts) {
    const index = journal.append(Buffer.from(text))
    await owner.until(index)
  }
}

function textsFrom(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}`.padEnd(300, '.'))
}

test('what is appended in one turn or during a flush leaves in one flush', async () => {
  const { journal, owner } = await openJournal(createFiles())
  const record = Buffer.from('mine')
  for (let index = 1; index <= 50; index++) assert.equal(journal.append(record), index)
  assert.equal(journal.stats().durableIndex, 0)
  record.fill(0)
  await new Promise(setImmediate)
  for (let index = 51; index <= 60; index++) journal.append(Buffer.from('late'))
  await owner.until(60)
  assert.deepEqual(owner.durable, [50, 60])
  assert.equal(journal.stats().flushCount, 2)
  await journal.close()
})

test('the records are back after a restart, in order and as they were appended', async () => {
  const files = createFiles()
  const texts = ['', 'one', ...textsFrom(3, 40)]
  for (let start = 0; start < texts.length; start += 10) {
    const { journal, owner } = await openJournal(files)
    assert.deepEqual(
      owner.records,
      texts.slice(0, start).map((text, i) => [i + 1, text]),
    )
    await appendAll(journal, owner, texts.slice(start, start + 10))
    await journal.close()
  }
})

test('close flushes what was appended', async () => {
  const files = createFiles()
  const { journal } = await openJournal(files)
  for (const text of textsFrom(1, 30)) journal.append(Buffer.from(text))
  await journal.close()
  assert.equal(journal.stats().durableIndex, 30)
  assert.throws(() => journal.append(Buffer.from('x')), { code: 'SETTEE_JOURNAL_CLOSED' })
  assert.equal((await openJournal(files)).owner.records.length, 30)
})

test('a snapshot replaces the records before it and their segments', async () => {
  const files = createFiles()
  const { journal, owner } = await openJournal(files)
  await appendAll(journal, owner, textsFrom(1, 40))
  const segmentCount = files.names.length
  await journal.saveSnapshot(20, Buffer.from('sum of 20'))
  await journal.saveSnapshot(35, Buffer.from('sum of 35'))
  assert.ok(files.names.length < segmentCount)
  assert.ok(journal.stats().firstIndex > 20)
  assert.equal(journal.stats().snapshotIndex, 35)
  await appendAll(journal, owner, textsFrom(41, 42))
  await journal.close()

  const reopened = await openJournal(files)
  assert.deepEqual(reopened.owner.snapshot, [35, 'sum of 35'])
  assert.deepEqual(
    reopened.owner.records.map(([index]) => index),
    [36, 37, 38, 39, 40, 41, 42],
  )
  assert.equal(files.names.filter((name) => name.includes('snapshot')).length, 1)
})

test('a snapshot of everything is enough to go on from', async () => {
  const files = createFiles()
  const { journal, owner } = await openJournal(files)
  await appendAll(journal, owner, textsFrom(1, 13))
  await journal.saveSnapshot(13, Buffer.from('all'))
  await journal.close()
  const second = await openJournal(files)
  assert.deepEqual([second.owner.snapshot, second.owner.records], [[13, 'all'], []])
  assert.equal(second.journal.append(Buffer.from('next')), 14)
  await second.journal.close()
  assert.deepEqual((await openJournal(files)).owner.records, [[14, 'next']])
})

test('a snapshot that cannot be written leaves the previous one in force', async () => {
  const files = createFiles()
  const { journal, owner } = await openJournal(files)
  await appendAll(journal, owner, textsFrom(1, 5))
  await journal.saveSnapshot(3, Buffer.from('three'))
  files.fault = (operation, file) =>
    operation === 'write' && file.includes('snapshot') ? noSpace() : undefined
  await assert.rejects(journal.saveSnapshot(5, Buffer.from('five')), {
    code: 'SETTEE_JOURNAL_SNAPSHOT_FAILED',
    retryable: true,
  })
  files.fault = undefined
  assert.equal(journal.stats().state, 'open')
  await journal.close()
  const { owner: next } = await openJournal(files)
  assert.deepEqual(next.snapshot, [3, 'three'])
  assert.equal(next.records.length, 2)
})

test('limits are typed errors and append nothing', async () => {
  const { journal, owner } = await openJournal(createFiles(), { maxQueuedBytes: 900 })
  const { append } = { append: (size: number) => journal.append(new Uint8Array(size)) }
  assert.throws(() => append(1001), { code: 'SETTEE_JOURNAL_RECORD_TOO_LARGE' })
  assert.equal(append(1000), 1)
  assert.throws(() => append(1), { code: 'SETTEE_JOURNAL_BUSY', retryable: true })
  await owner.until(1)
  assert.equal(append(1), 2)
  await owner.until(2)
  await assert.rejects(journal.saveSnapshot(2, new Uint8Array(2 ** 30 + 1)), {
    code: 'SETTEE_JOURNAL_RECORD_TOO_LARGE',
  })
  await journal.close()
  assert.throws(() => createFileJournal({ dir, segmentBytes: 5000, maxRecordBytes: 1000 }), {
    code: 'SETTEE_JOURNAL_BAD_OPTION',
  })
})

test('records and their segments may be larger or smaller after a restart', async () => {
  const files = createFiles()
  const first = await openJournal(files)
  await appendAll(first.journal, first.owner, textsFrom(1, 13))
  await first.journal.close()
  const large = { segmentBytes: 2 ** 21 + 2 ** 16, maxRecordBytes: 2 ** 21 }
  const second = await openJournal(files, large)
  const text = 'x'.repeat(2 ** 21)
  await appendAll(second.journal, second.owner, [text, text])
  await second.journal.close()
  const third = await openJournal(files)
  assert.deepEqual(
    third.owner.records.slice(13).map(([, read]) => read === text),
    [true, true],
  )
  await appendAll(third.journal, third.owner, textsFrom(16, 40))
  await third.journal.close()
  assert.equal((await openJournal(files)).owner.records.length, 40)
})

for (const failing of ['write', 'sync'] as const) {
  test(`a failed ${failing} is final: told once, not retried, later appends refused`, async () => {
    const files = createFiles()
    const { journal, owner } = await openJournal(files)
    await appendAll(journal, owner, textsFrom(1, 3))
    let failedCount = 0
    files.fault = (operation) => {
      if (operation !== failing) return undefined
      failedCount++
      return Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    }
    journal.append(Buffer.from('doubtful'))
    await new Promise(setImmediate)
    journal.append(Buffer.from('queued'))
    await owner.until(5)
    files.fault = undefined
    assert.equal(journal.stats().state, 'failed')
    assert.deepEqual(
      owner.failures.map((error) => error.code),
      ['SETTEE_JOURNAL_FAILED'],
    )
    assert.match(owner.failures[0]!.message, /EIO: i\/o error.*up to 3 are safe, restart/)
    assert.throws(() => journal.append(Buffer.from('x')), { code: 'SETTEE_JOURNAL_FAILED' })
    await journal.close()
    assert.equal(failedCount, 1)
    assert.deepEqual(owner.durable, [1, 2, 3])
    files.restart()
    assert.ok((await openJournal(files)).owner.records.length >= 3)
  })
}

test('a segment that cannot be made though there is space fails the journal, once', async () => {
  const files = createFiles()
  const { journal, owner } = await openJournal(files)
  files.fault = (operation) =>
    operation === 'create' || operation === 'write' ? new Error('EIO: i/o error') : undefined
  journal.append(Buffer.from('wants a segment, and is written'))
  await journal.close()
  assert.deepEqual([owner.failures.length, owner.durable], [1, []])
})

test('short writes are completed', async () => {
  const files = createFiles()
  files.fault = (operation) => (operation === 'write' ? 1 + files.names.length * 7 : undefined)
  const { journal, owner } = await openJournal(files, { segmentBytes: 4096 + 2048 })
  await appendAll(journal, owner, textsFrom(1, 12))
  await journal.close()
  files.fault = undefined
  const texts = (await openJournal(files)).owner.records.map(([, text]) => text)
  assert.deepEqual(texts, textsFrom(1, 12))
})

test('a full disk refuses new work but for the reserve, and opens again by itself', async () => {
  const files = createFiles()
  const clock = createManualClock()
  const { journal, owner } = await openJournal(files, { clock })
  files.fault = (operation) => (operation === 'create' ? noSpace() : undefined)
  // The first record makes the next segment wanted, which cannot be made.
  await appendAll(journal, owner, textsFrom(1, 1))
  await until(() => journal.stats().state === 'full')
  assert.throws(() => journal.append(Buffer.from('new')), {
    code: 'SETTEE_JOURNAL_FULL',
    retryable: true,
  })
  let index = 1
  const appendReserve = (): number => journal.append(Buffer.alloc(300), { reserve: true })
  for (; index < 12; index++) assert.equal(appendReserve(), index + 1)
  assert.throws(() => journal.append(Buffer.alloc(999), { reserve: true }), {
    code: 'SETTEE_JOURNAL_FULL',
  })
  await owner.until(12)
  clock.advance(10_000)
  await until(() => clock.pendingCount === 1)
  assert.equal(journal.stats().state, 'full')

  files.fault = undefined
  clock.advance(10_000)
  await until(() => journal.stats().state === 'open')
  await appendAll(journal, owner, textsFrom(13, 20))
  await journal.close()
  assert.equal((await openJournal(files)).owner.records.length, 20)
})

test('closing does not wait for a full disk', async () => {
  const files = createFiles()
  const { journal, owner } = await openJournal(files, { clock: createManualClock() })
  files.fault = (operation) => (operation === 'create' ? noSpace() : undefined)
  // In one turn, so that part of it is for the segment that never comes.
  for (const text of textsFrom(1, 20)) journal.append(Buffer.from(text))
  await journal.close()
  files.fault = undefined
  assert.deepEqual(owner.failures, [])
  const { owner: next } = await openJournal(files)
  assert.equal(next.records.length, owner.durable.at(-1))
})

test('a disk full from the start, and a directory that is none, are one sentence', async (t) => {
  const files = createFiles()
  files.fault = (operation) => (operation === 'write' ? noSpace() : undefined)
  await assert.rejects(openJournal(files), {
    code: 'SETTEE_JOURNAL_FULL',
    message: /no space for a segment .*; make space or set a smaller segmentBytes/,
  })
  assert.deepEqual(files.names, [])

  const real = await fs.mkdtemp(path.join(os.tmpdir(), 'settee-journal-'))
  t.after(() => fs.rm(real, { recursive: true }))
  await fs.writeFile(path.join(real, 'file'), '')
  const journal = createFileJournal({ dir: path.join(real, 'file', 'below') })
  await assert.rejects(journal.open(new Recorder()), {
    code: 'SETTEE_JOURNAL_DIR_UNUSABLE',
    message: /cannot be used .*ENOTDIR.* give this user the right .* or choose another directory/,
  })
})

test('a second journal on a real directory is refused until the first is closed', async (t) => {
  const real = await fs.mkdtemp(path.join(os.tmpdir(), 'settee-journal-'))
  t.after(() => fs.rm(real, { recursive: true }))
  const options = { ...small, dir: real }
  const first = createFileJournal(options)
  const owner = new Recorder()
  await first.open(owner)
  await appendAll(first, owner, textsFrom(1, 20))
  await assert.rejects(createFileJournal(options).open(new Recorder()), {
    code: 'SETTEE_JOURNAL_LOCKED',
  })
  await first.saveSnapshot(15, Buffer.from('real'))
  await first.close()
  const second = createFileJournal(options)
  const next = new Recorder()
  await second.open(next)
  assert.deepEqual(next.snapshot, [15, 'real'])
  assert.deepEqual(
    next.records.map(([, text]) => text),
    textsFrom(16, 20),
  )
  await second.close()
})

function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate)
}
