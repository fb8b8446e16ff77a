/**
 * The property that the journal exists for: whatever instant the power fails at, and whatever part
 * of the unflushed bytes survives, a restart finds a prefix of what was proposed that includes
 * everything that was acknowledged.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom, type Random } from '@settee/kit'
import type { ByteReader, ByteWriter } from '@settee/wire'
import { createFileJournal } from './file-journal.ts'
import { createReplica, type Replica, type StateMachine } from './replica.ts'
import { createSimulatedFiles, type SimulatedFiles } from './simulated-files.ts'

interface Note {
  readonly number: number
  readonly padding: number
}

/** Remembers the numbers it was told, in order. */
class NoteMachine implements StateMachine<Note, number> {
  numbers: number[] = []

  encode(note: Note, writer: ByteWriter): void {
    writer.u32(note.number)
    writer.raw(new Uint8Array(note.padding).fill(note.number))
  }

  decode(reader: ByteReader): Note {
    const number = reader.u32()
    const padding = reader.raw(reader.remaining)
    assert.ok(padding.every((byte) => byte === (number & 255)))
    return { number, padding: padding.length }
  }

  apply(note: Note, index: number): number {
    this.numbers.push(note.number)
    assert.equal(index, this.numbers.length)
    return note.number
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify(this.numbers))
  }

  restore(bytes: Uint8Array): void {
    this.numbers = JSON.parse(Buffer.from(bytes).toString()) as number[]
  }
}

function createLife(
  files: SimulatedFiles,
  random: Random,
): { machine: NoteMachine; replica: Replica<Note, number> } {
  const journal = createFileJournal({
    dir: '/journal',
    segmentBytes: 4096 + 3000,
    maxRecordBytes: 2000,
    files,
    random,
  })
  const machine = new NoteMachine()
  const options = { journal, machine, random, snapshotEveryBytes: 8000, verifyCodec: true }
  return { machine, replica: createReplica(options) }
}

/** Proposes notes in random bursts until the power is cut; gives what was proposed and how far. */
async function liveUntilPowerCut(
  replica: Replica<Note, number>,
  random: Random,
  files: SimulatedFiles,
  known: readonly number[],
): Promise<{ proposed: number[]; acknowledged: number }> {
  const proposed = [...known]
  let acknowledged = known.length
  let isCut = false
  void files.powerCut.then(() => (isCut = true))
  while (!isCut) {
    for (let burst = random.below(6); burst > 0; burst--) {
      const note = {
        number: random.u32(),
        padding: random.below(random.below(10) === 0 ? 1900 : 200),
      }
      replica.propose(note, (error, result) => {
        assert.equal(error, undefined)
        assert.equal(result, note.number)
        acknowledged++
      })
      proposed.push(note.number)
    }
    await new Promise(setImmediate)
  }
  return { proposed, acknowledged }
}

test('after a power loss at any operation all that was acknowledged is there', async () => {
  let recoveredUnacknowledged = 0
  let lostUnacknowledged = 0
  for (let seed = 1; seed <= 150; seed++) {
    const random = createSeededRandom(seed)
    const files = createSimulatedFiles(random)
    let proposed: number[] = []
    let acknowledged = 0
    for (let life = 0; life < 5; life++) {
      // Some lives end while they still recover.
      files.cutPowerAfter(random.below(life === 0 ? 120 : 60))
      const { machine, replica } = createLife(files, random)
      const started = replica.start().then(() => true)
      const isStarted = await Promise.race([started, files.powerCut.then(() => false)])
      if (isStarted) {
        const { numbers } = machine
        const where = `seed ${seed}, life ${life}`
        assert.deepEqual(numbers, proposed.slice(0, numbers.length), where)
        assert.ok(numbers.length >= acknowledged, `${where}: ${numbers.length} < ${acknowledged}`)
        recoveredUnacknowledged += numbers.length - acknowledged
        lostUnacknowledged += proposed.length - numbers.length
        ;({ proposed, acknowledged } = await liveUntilPowerCut(replica, random, files, numbers))
      }
      files.restart()
    }
  }
  // Both happen, or the simulation does not reach what it is for.
  assert.ok(recoveredUnacknowledged > 100 && lostUnacknowledged > 100)
})
