/** The coordinator of the tx bench, alone in its process, durable in the folder it is given. */
import { createFileJournal } from '@settee/journal'
import { createTxServer } from '@settee/tx/server'
import { reportReady } from '../harness.ts'

const server = createTxServer({
  port: 0,
  journal: createFileJournal({ dir: process.argv[2]! }),
  onFailed: (error) => {
    throw error
  },
})
await server.start()
reportReady(server.address)
