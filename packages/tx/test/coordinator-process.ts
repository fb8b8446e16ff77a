/** A coordinator alone in its process, for tests that kill it: `node … FOLDER PORT`. */
import { createFileJournal } from '@settee/journal'
import { createTxServer } from '../src/server.ts'

const [dir, port] = process.argv.slice(2) as [string, string]
const server = createTxServer({
  port: Number(port),
  // Small, so that segments end and snapshots are taken under load.
  journal: createFileJournal({ dir, segmentBytes: 2 ** 18, maxRecordBytes: 2 ** 16 }),
  snapshotEveryBytes: 2 ** 17,
  limits: { maxFinishedTransactions: 100_000 },
  onFailed: (error) => {
    throw error
  },
})
await server.start()
process.send!(server.address)
process.once('disconnect', () => process.exit())
