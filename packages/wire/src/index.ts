export { ByteReader } from './byte-reader.ts'
export { ByteWriter, type Long } from './byte-writer.ts'
export { wireError, wireErrors } from './errors.ts'
