/**
 * A process that appends to the journal in the directory argv[2] until it is killed, and prints the
 * last durable index after every flush, `R <index>` once when it has recovered. Every record says
 * its own index; every state says how far it reaches.
 */
import fs from 'node:fs'
import { createFileJournal, type Journal } from '../src/index.ts'

const journal: Journal = createFileJournal({
  dir: process.argv[2]!,
  segmentBytes: 2 ** 18,
  maxRecordBytes: 2 ** 14,
})
let isSaving = false

function say(line: string): void {
  fs.writeSync(1, `${line}\n`)
}

function appendSome(): void {
  for (let count = 0; count < 20; count++) {
    const index = journal.stats().lastIndex + 1
    const record = Buffer.alloc(4 + ((index * 37) % 900), index)
    record.writeUInt32BE(index)
    journal.append(record)
  }
}

async function saveSnapshot(index: number): Promise<void> {
  isSaving = true
  await journal.saveSnapshot(index, Buffer.from(String(index)))
  isSaving = false
}

let recoveredIndex = 0
await journal.open({
  onSnapshot(index, bytes) {
    if (Buffer.from(bytes).toString() !== String(index)) throw new Error(`bad snapshot ${index}`)
    recoveredIndex = index
  },
  onRecord(index, bytes) {
    const said = Buffer.from(bytes).readUInt32BE()
    if (said !== index || index !== recoveredIndex + 1) throw new Error(`bad record ${index}`)
    if (bytes.subarray(4).some((byte) => byte !== (index & 255))) throw new Error('bad payload')
    recoveredIndex = index
  },
  onDurable(index) {
    say(String(index))
    if (!isSaving && journal.stats().bytesSinceSnapshot > 2 ** 20) void saveSnapshot(index)
    appendSome()
  },
  onFailed(error) {
    throw error
  },
})
say(`R ${recoveredIndex}`)
appendSome()
setInterval(() => undefined, 1000)
