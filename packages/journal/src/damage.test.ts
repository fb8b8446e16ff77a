/**
 * What happens to files that are not as they were left: a torn tail is cut off, damage that no
 * crash explains is refused with file and offset, and nothing whatever makes recovery crash.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom, isSetteeError } from '@settee/kit'
import { createFileJournal } from './file-journal.ts'
import type { Journal } from './journal.ts'
import { createSimulatedFiles, type SimulatedFiles } from './simulated-files.ts'

const recordBytes = 16 + 100
const firstRecordAt = 4096

/** Two and a half segments of 20 records each, flushed one by one. */
async function writeLog(count = 50): Promise<SimulatedFiles> {
  const files = createSimulatedFiles(createSeededRandom(3))
  const { journal, durable } = await open(files)
  for (let i = 1; i <= count; i++) {
    journal.append(Buffer.alloc(100, i))
    await durable()
  }
  await journal.close()
  return files
}

async function open(
  files: SimulatedFiles,
): Promise<{ journal: Journal; records: number[]; durable: () => Promise<void> }> {
  const journal = createFileJournal({
    dir: '/journal',
    segmentBytes: firstRecordAt + 20 * recordBytes,
    maxRecordBytes: 200,
    files,
    random: createSeededRandom(4),
  })
  const records: number[] = []
  let wake = (): void => undefined
  await journal.open({
    onSnapshot: () => undefined,
    onRecord: (index, bytes) => {
      assert.ok(bytes.length === 100 && bytes.every((byte) => byte === (index & 255)))
      records.push(index)
    },
    onDurable: () => wake(),
    onFailed: (error) => assert.fail(error),
  })
  return { journal, records, durable: () => new Promise((resolve) => (wake = resolve)) }
}

function segment(files: SimulatedFiles, number: number): Uint8Array {
  return files.content(`/journal/segment-000000000000000${number}.log`)
}

function offsetOf(recordInSegment: number): number {
  return firstRecordAt + recordInSegment * recordBytes
}

test('a torn tail in the last segment is cut off, and new records take its place', async () => {
  const files = await writeLog()
  // Record 50 is the tenth of the third segment: half of it never reached the disk.
  segment(files, 3).fill(0, offsetOf(9) + 60)
  const { journal, records, durable } = await open(files)
  assert.equal(records.at(-1), 49)
  assert.equal(journal.append(Buffer.alloc(100, 50)), 50)
  await durable()
  await journal.close()
  assert.equal((await open(files)).records.length, 50)
})

test('what follows a torn tail does not come back to life behind new records', async () => {
  const files = createSimulatedFiles(createSeededRandom(3))
  const first = await open(files)
  // In one flush, so that none of the three proves another durable.
  for (let i = 1; i <= 3; i++) first.journal.append(Buffer.alloc(100, i))
  await first.durable()
  await first.journal.close()
  segment(files, 1).fill(0xff, offsetOf(1), offsetOf(1) + 8)
  const second = await open(files)
  assert.deepEqual(second.records, [1])
  // The same bytes as those that were torn: record 3 would follow on without a gap.
  second.journal.append(Buffer.alloc(100, 2))
  await second.durable()
  await second.journal.close()
  assert.deepEqual((await open(files)).records, [1, 2])
})

const damages: readonly [string, (files: SimulatedFiles) => Promise<void> | void, RegExp][] = [
  [
    'a flipped bit in an earlier segment',
    (files) => void (segment(files, 1)[offsetOf(4) + 50]! ^= 1),
    /segment-0000000000000001\.log is damaged at offset 4560: .*later segments exist/,
  ],
  [
    'a flipped bit in an acknowledged record of the last segment',
    (files) => void (segment(files, 3)[offsetOf(4) + 50]! ^= 1),
    /0003\.log is damaged at offset 4560: record 45 is not valid, but up to 45 all/,
  ],
  [
    'a damaged header',
    (files) => void (segment(files, 3)[17]! ^= 1),
    /segment-0000000000000003\.log is damaged at offset 0: the header/,
  ],
  [
    'a missing first segment',
    (files) => files.remove('/journal/segment-0000000000000001.log'),
    /segment-0000000000000002\.log is damaged at offset 0: .*the records 1 to 20 are missing/,
  ],
  [
    'a missing middle segment',
    (files) => files.remove('/journal/segment-0000000000000002.log'),
    /segment-0000000000000003\.log is damaged at offset 4096: record 21 is not valid/,
  ],
  [
    'an emptied middle segment',
    (files) => void segment(files, 2).fill(0, firstRecordAt),
    /segment-0000000000000003\.log is damaged|segment-0000000000000002\.log is damaged/,
  ],
]

for (const [name, damage, message] of damages) {
  test(`${name} is refused with file, offset and reason`, async () => {
    const files = await writeLog()
    await damage(files)
    await assert.rejects(open(files), { code: 'SETTEE_JOURNAL_CORRUPT', message })
  })
}

test('a record inside a payload is never taken for a record', async () => {
  const files = createSimulatedFiles(createSeededRandom(3))
  const { journal, durable } = await open(files)
  const inner = Buffer.alloc(100, 1)
  // Index 9, behind 1: it would prove eight records durable if it were one.
  inner.set([0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 9, 0, 1], 20)
  journal.append(inner)
  await durable()
  await journal.close()
  segment(files, 1)[offsetOf(0)]! ^= 1
  assert.deepEqual((await open(files)).records, [])
})

test('100,000 mutations of the last segment end in a typed error or a cut tail', async () => {
  const random = createSeededRandom(7)
  const files = await writeLog(30)
  const pristine = segment(files, 2).slice()
  let cut = 0
  let refused = 0
  for (let round = 0; round < 10_000; round++) {
    const bytes = segment(files, 2)
    bytes.set(pristine)
    for (let mutation = 0; mutation < 10; mutation++) mutate(bytes, random)
    try {
      const { journal, records } = await open(files)
      assert.ok(records.length <= 30 && records.every((index, i) => index === i + 1))
      cut++
      await journal.close()
    } catch (error) {
      assert.ok(isSetteeError(error, 'SETTEE_JOURNAL_CORRUPT'), String(error))
      refused++
    }
  }
  assert.ok(cut > 100 && refused > 100, `${cut} cut, ${refused} refused`)
})

/** One change of a kind that finds bugs: a bit, a byte, a length, a run, a copied piece. */
function mutate(bytes: Uint8Array, random: ReturnType<typeof createSeededRandom>): void {
  const at = firstRecordAt + random.below(12 * recordBytes)
  switch (random.below(5)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8)
      break
    case 1:
      bytes[at] = random.below(256)
      break
    case 2:
      new DataView(bytes.buffer).setUint32(offsetOf(random.below(12)) + 4, random.u32())
      break
    case 3:
      bytes.fill(random.below(2) * 255, at, at + random.below(200))
      break
    default:
      bytes.copyWithin(at, offsetOf(random.below(10)), offsetOf(10))
  }
}
