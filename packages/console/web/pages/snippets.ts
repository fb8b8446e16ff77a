/** What the empty pages tell a newcomer to write. */

export const registerSnippet: string = `import { createRegistryClient } from '@settee/registry'
import { createRpcServer, defineContract, method } from '@settee/rpc'

const greeter = defineContract('demo.Greeter', {
  hello: method<string, string>(),
})

const registry = createRegistryClient({ application: 'greeter' })
const server = createRpcServer({ application: 'greeter', registry })
server.serve(greeter, { hello: (name) => \`Hello, \${name}\` })
await server.start()`

export const transactionSnippet: string = `import { createTx } from '@settee/tx'

const tx = createTx({ applicationId: 'order' })
const pool = tx.at(new pg.Pool())

await tx.run({ name: 'purchase', timeoutMs: 5000 }, async () => {
  await pool.query('INSERT INTO orders VALUES ($1, $2)', [id, user])
  await account.debit({ user, amount })
})`
