/** @grpc/grpc-js with messages of protobuf-es, its usual setup without TLS. */
import { create, fromBinary, toBinary, type Message } from '@bufbuild/protobuf'
import grpc from '@grpc/grpc-js'
import { echoText, versionOf, type System } from './system.ts'
import { textSchema } from './echo-schema.ts'

const serialize = (message: Message): Buffer => Buffer.from(toBinary(textSchema, message))
const deserialize = (bytes: Buffer): Message => fromBinary(textSchema, bytes)

const echo: grpc.MethodDefinition<Message, Message> = {
  path: '/bench.Echo/Echo',
  requestStream: false,
  responseStream: false,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
}

export const system: System = {
  version: await versionOf('@grpc/grpc-js'),

  serve() {
    const server = new grpc.Server()
    const handler: grpc.handleUnaryCall<Message, Message> = (call, answer) =>
      answer(null, call.request)
    server.addService({ echo }, { echo: handler })
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
  },

  async connect(port) {
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + 5000, (error) =>
        error === undefined ? resolve() : reject(error),
      )
    })
    const message = create(textSchema, { text: echoText })
    // As in Settee's calls, each has a deadline.
    return (done) => {
      const options = { deadline: Date.now() + 3000 }
      client.makeUnaryRequest(echo.path, serialize, deserialize, message, options, (error) =>
        done(error),
      )
    }
  },
}
