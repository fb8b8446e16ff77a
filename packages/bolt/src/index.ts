export { codecId } from './codec-id.ts'
export { createBytesCodec, jsonCodec, type ContentCodec } from './content-codec.ts'
export { boltV1, boltV2, boltV2Crc, boltV2Revision1, type BoltDialect } from './dialect.ts'
export { boltErrors } from './errors.ts'
export { FrameEncoder, type FrameEncoderOptions } from './frame-encoder.ts'
export {
  BoltFrame,
  commandCode,
  defaultMaxFrameBytes,
  frameLength,
  frameType,
  maxSectionBytes,
} from './frame.ts'
export { createHeaderKey, decodeHeaders, type HeaderKey } from './header-map.ts'
export { HeaderReader } from './header-reader.ts'
export { encodeHeartbeat, encodeHeartbeatAck } from './heartbeat.ts'
export { BoltCall, BoltPeer, type BoltAnswer, type BoltPeerOptions } from './peer.ts'
export {
  requestBaggagePrefix,
  responseBaggagePrefix,
  sofaHeader,
  sofaRequestClass,
  sofaResponseClass,
  type SofaHeaderKeys,
} from './sofa.ts'
export { responseStatus, responseStatusName, type ResponseStatusName } from './status.ts'
export {
  createRequestTemplate,
  createResponseTemplate,
  type RequestTemplate,
  type RequestTemplateOptions,
  type ResponseTemplate,
  type ResponseTemplateOptions,
} from './template.ts'
