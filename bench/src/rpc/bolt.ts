/**
 * The floor of the protocol: the frames of Settee's typed API with the same headers, but with bytes
 * as their content, and without contract, codec, context and promises.
 */
import { connect } from 'node:net'
import {
  BoltCall,
  BoltPeer,
  codecId,
  createBytesCodec,
  createRequestTemplate,
  createResponseTemplate,
  frameLength,
  responseStatus,
  sofaRequestClass,
  sofaResponseClass,
  type BoltAnswer,
  type RequestTemplate,
} from '@settee/bolt'
import { systemClock } from '@settee/kit'
import { Connection, Listener, TimerWheel } from '@settee/wire'
import { echoText, versionOf, type System } from './system.ts'

const codec = createBytesCodec(codecId.json)
const requestTemplate = createRequestTemplate({
  codec,
  className: sofaRequestClass,
  headers: [
    ['sofa_head_target_service', 'bench.Echo:1.0'],
    ['sofa_head_method_name', 'echo'],
  ],
})
const template = createResponseTemplate({ codec, className: sofaResponseClass })
const body = Buffer.from(echoText)

class EchoCall extends BoltCall {
  readonly template: RequestTemplate = requestTemplate
  readonly timeoutMs = 3000
  readonly content = body
  readonly #done: (error?: unknown) => void
  constructor(done: (error?: unknown) => void) {
    super()
    this.#done = done
  }
  onAnswer(): void {
    this.#done()
  }
  onFailure(error: Error): void {
    this.#done(error)
  }
}

const clock = systemClock
const wheel = new TimerWheel({ clock })

export const system: System = {
  version: await versionOf('@settee/bolt'),

  async serve() {
    const accept = (connection: Connection): BoltPeer =>
      new BoltPeer({
        connection,
        clock,
        wheel,
        onRequest: (frame, peer) => {
          const { requestId } = frame
          const content = frame.bytes.subarray(frame.contentStart, frame.contentEnd)
          const status = responseStatus.SUCCESS
          peer.answer({ requestId, template, status, content, writeHeaders } satisfies BoltAnswer)
        },
      })
    const listener = new Listener({ name: 'bolt', port: 0, frameLength, accept })
    await listener.start()
    return listener.port
  },

  async connect(port) {
    const socket = connect({ port, host: '127.0.0.1' })
    await new Promise((resolve) => socket.once('connect', resolve))
    const open = Promise.withResolvers<BoltPeer>()
    const handle = (connection: Connection): BoltPeer => {
      const peer = new BoltPeer({ connection, clock, wheel })
      open.resolve(peer)
      return peer
    }
    void new Connection(socket, frameLength, handle)
    const peer = await open.promise
    return (done) => peer.call(new EchoCall(done))
  },
}

function writeHeaders(): void {}
