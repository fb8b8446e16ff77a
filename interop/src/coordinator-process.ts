/**
 * Settee's coordinator alone in its process, so that it can be killed:
 * `node … FOLDER PORT ADVERTISED`. Sends its address to the parent once it listens, and what it
 * disliked about a peer as it happens.
 */
import { createFileJournal } from '@settee/journal'
import { createTxServer } from '@settee/tx/server'

const [dir, port, advertisedAddress] = process.argv.slice(2) as [string, string, string]
const server = createTxServer({
  port: Number(port),
  ...(advertisedAddress !== '' && { advertisedAddress }),
  journal: createFileJournal({ dir }),
  onFailed: (error) => {
    throw error
  },
  onBadPeer: (error) => process.send!({ badPeer: `${error.code}: ${error.message}` }),
})
await server.start()
process.send!({ address: server.address })
process.once('disconnect', () => process.exit())
