/** @connectrpc/connect-node: the gRPC protocol over HTTP/2, its usual setup without TLS. */
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { create, type DescMessage, type DescMethodUnary, type Message } from '@bufbuild/protobuf'
import { createClient } from '@connectrpc/connect'
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node'
import { fromAsync } from '../harness.ts'
import { echoService, textSchema } from './echo-schema.ts'
import { echoText, versionOf, type System } from './system.ts'

// A schema that is built at run time has no types of its own.
type EchoMethod = DescMethodUnary<DescMessage, DescMessage>
interface EchoClient {
  echo(request: Message, options?: { readonly timeoutMs: number }): Promise<Message>
}

export const system: System = {
  version: await versionOf('@connectrpc/connect-node'),

  async serve() {
    const handler = connectNodeAdapter({
      routes: (router) => {
        router.rpc(echoService.method['echo'] as EchoMethod, (request) => request)
      },
    })
    const server = createServer(handler)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  },

  async connect(port) {
    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` })
    const client = createClient(echoService, transport) as unknown as EchoClient
    const message = create(textSchema, { text: echoText })
    await client.echo(message)
    // As in Settee's calls, each has a deadline.
    return fromAsync(() => client.echo(message, { timeoutMs: 3000 }))
  },
}
