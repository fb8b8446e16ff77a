/**
 * The floor: length-prefixed frames over wire's Connection, without a protocol, a codec of values
 * or a promise.
 *
 *     length:4 of the whole frame | request id:4 | 128 bytes
 */
import { connect } from 'node:net'
import {
  Connection,
  Listener,
  PendingCalls,
  type ByteReader,
  type ByteWriter,
  type ConnectionHandler,
} from '@settee/wire'
import { echoText, versionOf, type System } from './system.ts'

interface Message {
  readonly id: number
  readonly body: Uint8Array
}

export const system: System = {
  version: await versionOf('@settee/wire'),

  async serve() {
    const listener = new Listener({
      name: 'raw',
      port: 0,
      frameLength,
      accept: (connection) => handle((id, body) => connection.send(encode, { id, body })),
    })
    await listener.start()
    return listener.port
  },

  async connect(port) {
    const calls = new PendingCalls<() => void>()
    const body = Buffer.from(echoText)
    const socket = connect({ port, host: '127.0.0.1' })
    await new Promise((resolve) => socket.once('connect', resolve))
    const connection = new Connection(socket, frameLength, () => handle((id) => calls.take(id)?.()))
    return (done) => connection.send(encode, { id: calls.add(done), body })
  },
}

function frameLength(bytes: Buffer, offset: number, available: number): number {
  return available < 4 ? 0 : bytes.readInt32BE(offset)
}

function encode(writer: ByteWriter, message: Message): void {
  writer.u32(8 + message.body.length)
  writer.u32(message.id)
  writer.raw(message.body)
}

function handle(onMessage: (id: number, body: Uint8Array) => void): ConnectionHandler {
  return {
    onFrame(reader: ByteReader) {
      reader.skip(4)
      const id = reader.u32()
      onMessage(id, reader.raw(reader.remaining))
    },
    onClose() {},
  }
}
