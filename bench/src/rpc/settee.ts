/** Settee's typed API: contract, JSON codec, deadlines, context. */
import { createRpcClient, createRpcServer, defineContract, method } from '@settee/rpc'
import { fromAsync } from '../harness.ts'
import { echoText, versionOf, type System } from './system.ts'

const contract = defineContract('bench.Echo', {
  echo: method<string, string>(),
})

export const system: System = {
  version: await versionOf('@settee/rpc'),

  async serve() {
    const server = createRpcServer({ application: 'echo' })
    server.serve(contract, { echo: (request) => request })
    await server.start()
    return Number(server.address.split(':')[1])
  },

  async connect(port) {
    const rpc = createRpcClient({ application: 'bench' })
    const client = rpc.client(contract, { addresses: [`127.0.0.1:${port}`] })
    await client.echo(echoText)
    return fromAsync(() => client.echo(echoText))
  },
}
