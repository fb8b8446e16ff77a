/**
 * Serializer ids in the codec byte of a frame (original: SerializerFactory of SOFARPC). They name
 * the form of the content alone; class name and header map have one form for all.
 */
export const codecId = {
  hessian2: 1,
  java: 2,
  hessian2Old: 4,
  protobuf: 11,
  json: 12,
  msgpack: 13,
  protostuff: 14,
  fury2: 22,
  fory: 23,
} as const
