/**
 * Heartbeats: the fixed part alone, with command code 0 and no sections.
 * (originals: HeartbeatCommand.java, HeartbeatAckCommand.java)
 *
 * Whatever the dialect, they carry no checksum. The codec byte says nothing, since there is no
 * content; Java writes Hessian into it, and so do we.
 */
import { ByteWriter } from '@settee/wire'
import { codecId } from './codec-id.ts'
import { boltV1, boltV2, boltV2Crc, boltV2Revision1, type BoltDialect } from './dialect.ts'
import { commandCode, frameType } from './frame.ts'
import { encodeCommand, requestIdOffset } from './template.ts'

/** Asks whether the peer is alive. */
export function encodeHeartbeat(writer: ByteWriter, dialect: BoltDialect, requestId: number): void {
  append(writer, requests[dialect.name], dialect, requestId)
}

/** Answers a heartbeat; `requestId` is that of the request. */
export function encodeHeartbeatAck(
  writer: ByteWriter,
  dialect: BoltDialect,
  requestId: number,
): void {
  append(writer, acks[dialect.name], dialect, requestId)
}

function append(writer: ByteWriter, bytes: Buffer, dialect: BoltDialect, requestId: number): void {
  const start = writer.length
  writer.raw(bytes)
  writer.patchU32(start + requestIdOffset(dialect), requestId)
}

type BytesByDialect = Readonly<Record<BoltDialect['name'], Buffer>>

const requests = prebuild((writer, dialect) => {
  encodeCommand(writer, dialect, frameType.request, commandCode.heartbeat, codecId.hessian2)
  writer.u32(-1) // No timeout.
})

const acks = prebuild((writer, dialect) => {
  encodeCommand(writer, dialect, frameType.response, commandCode.heartbeat, codecId.hessian2)
  writer.u16(0) // SUCCESS.
})

function prebuild(encode: (writer: ByteWriter, dialect: BoltDialect) => void): BytesByDialect {
  const build = (dialect: BoltDialect): Buffer => {
    const writer = new ByteWriter(32)
    encode(writer, { ...dialect, switches: 0 })
    writer.i64(0) // The lengths of class name, header map and content.
    return writer.take()
  }
  return {
    [boltV1.name]: build(boltV1),
    [boltV2Revision1.name]: build(boltV2Revision1),
    [boltV2.name]: build(boltV2),
    [boltV2Crc.name]: build(boltV2Crc),
  } as BytesByDialect
}
