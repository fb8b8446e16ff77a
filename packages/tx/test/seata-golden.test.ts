/**
 * Frames that Seata's own encoder wrote (`npm run interop -- seata --capture`), replayed without
 * Java: each decodes to the values it was made of and encodes to the same bytes again.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ByteReader, ByteWriter } from '@settee/wire'
import {
  BranchStatus,
  BranchType,
  createFrameHeader,
  decodeFrameHeader,
  decodeMessage,
  encodeFrame,
  encodeHeartbeat,
  ExceptionCode,
  FrameType,
  fromWireOrdinal,
  frameLength,
  GlobalStatus,
  MessageType,
  nameOf,
  ResultCode,
  type Message,
  type MessageFrame,
} from '../src/protocol/index.ts'

interface Captured {
  /** The releases of seata-all that write this. */
  readonly versions: readonly string[]
  /** The Java class of the message. */
  readonly class: string
  /** Its fields by their Java names, enumerations by name. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly frameType: number
  readonly hex: string
}

/** Bigger than a JavaScript number, so they are read as bigint. */
const longFields: ReadonlySet<string> = new Set(['branchId'])

const frames = readFixture('frames.jsonl')

function readFixture(name: string): Captured[] {
  const text = readFileSync(new URL(`fixtures/seata/${name}`, import.meta.url), 'utf8')
  const [, ...lines] = text.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line, keepLongs as never) as Captured)
}

function keepLongs(key: string, value: unknown, { source }: { source?: string }): unknown {
  if (!longFields.has(key) || source === undefined) return value
  return Number.isSafeInteger(value) ? value : BigInt(source)
}

/** Java's names of the messages, where they are not ours with Request, Response or Message. */
const typeOfClass: Readonly<Record<string, number>> = {
  MergedWarpMessage: MessageType.MergedWarp,
  MergeResultMessage: MessageType.MergeResult,
  BatchResultMessage: MessageType.BatchResult,
}

function messageTypeOf(className: string): number {
  const known = typeOfClass[className]
  if (known !== undefined) return known
  const name = className.replace(/Request$/, '').replace(/Response$/, 'Result')
  const type = (MessageType as Readonly<Record<string, number>>)[name]
  assert.ok(type !== undefined, `no message for ${className}`)
  return type
}

const enumerations: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  branchType: BranchType,
  branchStatus: BranchStatus,
  globalStatus: GlobalStatus,
  resultCode: ResultCode,
}

/** Our names of Java's fields. */
const ourNames: Readonly<Record<string, string>> = {
  timeout: 'timeoutMs',
  status: 'branchStatus',
}

/** The message with every field that Java set; nulls of texts are '' here. */
function expected({ class: className, fields }: Pick<Captured, 'class' | 'fields'>) {
  const message: Record<string, unknown> = { type: messageTypeOf(className) }
  for (const [javaName, value] of Object.entries(fields)) {
    const name = ourNames[javaName] ?? javaName
    const values = enumerations[name]
    if (name === 'messages') {
      message.messages = (value as Captured[]).map(expected)
    } else if (typeof value === 'string' && values !== undefined) {
      message[name] = values[value]
    } else if (name !== 'transactionExceptionCode') {
      message[name] = value ?? (name === 'globalStatus' ? null : '')
    }
  }
  return message
}

function decode({
  hex,
}: Captured): Omit<MessageFrame, 'message'> & { message: Message | undefined } {
  const bytes = Buffer.from(hex, 'hex')
  assert.equal(frameLength(bytes, 0, bytes.length, bytes.length), bytes.length)
  const header = createFrameHeader()
  const reader = new ByteReader(bytes)
  decodeFrameHeader(reader, header)
  const { frameType, requestId, version } = header
  const isHeartbeat = frameType >= FrameType.HeartbeatRequest
  const message = isHeartbeat ? undefined : decodeMessage(reader, version)
  assert.equal(reader.remaining, 0, 'the whole frame is read')
  return { frameType: frameType as MessageFrame['frameType'], requestId, version, message }
}

/** The name of the exception code as Settee reads it from a peer of the release. */
function exceptionOf(ordinal: number, version: string): string {
  return nameOf(ExceptionCode, fromWireOrdinal(ordinal, version))
}

function assertExceptionCodes(captured: Captured, message: Message): void {
  const parts = captured.fields.messages as Captured[] | undefined
  if ('messages' in message) {
    for (const [i, part] of message.messages.entries()) {
      assertExceptionCodes({ ...parts![i]!, versions: captured.versions }, part)
    }
    return
  }
  const javaName = captured.fields.transactionExceptionCode
  // Later releases have corrected the name; the ordinal is the same.
  const name = javaName === 'FailedLockGlobalTransaction' ? 'FailedLockGlobalTranscation' : javaName
  if (name === undefined || !('exceptionCode' in message)) return
  for (const version of captured.versions) {
    assert.equal(exceptionOf(message.exceptionCode, version), name, `of ${version}`)
  }
}

test('every frame of the originals decodes to the values that it was made of', () => {
  for (const captured of frames) {
    const { frameType, requestId, message } = decode(captured)
    const about = `${captured.class} of ${captured.versions.join()}: ${captured.hex}`
    assert.equal(frameType, captured.frameType, about)
    assert.equal(requestId, 7, about)
    if (message === undefined) {
      assert.equal(captured.class, 'HeartbeatMessage')
      continue
    }
    assert.partialDeepStrictEqual(message, expected(captured), about)
    assertExceptionCodes(captured, message)
  }
})

test('every frame of the originals encodes to the same bytes again', () => {
  for (const captured of frames) {
    const frame = decode(captured)
    const writer = new ByteWriter()
    if (frame.message === undefined) {
      encodeHeartbeat(writer, frame as never)
    } else {
      encodeFrame(writer, frame as MessageFrame)
    }
    assert.equal(writer.bytes().toString('hex'), captured.hex, captured.class)
  }
})

test('the capture holds every message of the protocol and every release', () => {
  const types = new Set(frames.filter((f) => f.frameType < 3).map((f) => messageTypeOf(f.class)))
  const missing = Object.entries(MessageType)
    .filter(([, type]) => !types.has(type))
    .map(([name]) => name)
  // The newest release on Maven Central does not have these two yet.
  assert.deepEqual(missing, ['UnregisterRM', 'UnregisterRMResult'])
  const versions = new Set(frames.flatMap((frame) => frame.versions))
  assert.deepEqual([...versions], ['1.5.2', '2.0.0', '2.6.0'])
})
