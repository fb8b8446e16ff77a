/** A provider in a process of its own, to be killed: `provider-process.ts NAME [PORT]`. */
import { createRpcServer } from '../src/index.ts'
import { workContract } from './work-contract.ts'

const [name = '', port = '0'] = process.argv.slice(2)
const server = createRpcServer({ application: name, port: Number(port) })
const answer = async (request: number): Promise<string> => {
  // Some calls are always running when the process dies.
  await new Promise((resolve) => setTimeout(resolve, request % 5))
  return name
}
server.serve(workContract, { read: answer, write: answer })
await server.start()
process.on('disconnect', () => process.exit(0))
process.send!(server.address)
