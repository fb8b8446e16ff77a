import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { ByteReader, ByteWriter } from '@settee/wire'
import fc from 'fast-check'
import { maxMergedMessages } from './merged.ts'
import { MessageType } from './message-type.ts'
import { decodeMessage, encodeMessage, type Message } from './message.ts'
import type { SingleMessage } from './single.ts'
import { BranchStatus, BranchType, ExceptionCode, GlobalStatus, ResultCode } from './status.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const branchId = fc
  .bigInt(-(2n ** 63n), 2n ** 63n - 1n)
  .map((id) => (Number.isSafeInteger(Number(id)) ? Number(id) : id))
const globalStatus = fc.constantFrom(...Object.values(GlobalStatus))
const branchStatus = fc.constantFrom(...Object.values(BranchStatus))
const branchType = fc.constantFrom(...Object.values(BranchType))
const result = fc.oneof(
  fc.record({ resultCode: fc.constant(ResultCode.Failed), msg: text }),
  fc.record({ resultCode: fc.constant(ResultCode.Success), msg: fc.constant('') }),
)

/** A record with the given type code; a result's fields stand before its own. */
function message(
  type: MessageType,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<SingleMessage> {
  return fc.record(
    { type: fc.constant(type), ...fields },
    { noNullPrototype: true },
  ) as unknown as fc.Arbitrary<SingleMessage>
}

function resultMessage(
  type: MessageType,
  fields: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<SingleMessage> {
  return fc
    .tuple(result, message(type, fields))
    .map(([prefix, own]) => ({ ...prefix, ...own }) as SingleMessage)
}

const exceptionCode = fc.integer({ min: 0, max: 127 })
const branchEnd = { xid: text, branchId, branchType, resourceId: text, applicationData: text }
const branchEndResult = { exceptionCode, xid: text, branchId, branchStatus }
const register = { xid: text, branchType, resourceId: text, lockKey: text, applicationData: text }
const identity = {
  version: text,
  applicationId: text,
  transactionServiceGroup: text,
  extraData: text,
}
const identified = { identified: fc.boolean(), version: text }

const singles: fc.Arbitrary<SingleMessage>[] = [
  message(MessageType.GlobalBegin, {
    timeoutMs: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    transactionName: text,
  }),
  resultMessage(MessageType.GlobalBeginResult, { exceptionCode, xid: text, extraData: text }),
  message(MessageType.BranchCommit, branchEnd),
  resultMessage(MessageType.BranchCommitResult, branchEndResult),
  message(MessageType.BranchRollback, branchEnd),
  resultMessage(MessageType.BranchRollbackResult, branchEndResult),
  message(MessageType.GlobalCommit, { xid: text, extraData: text }),
  resultMessage(MessageType.GlobalCommitResult, { exceptionCode, globalStatus }),
  message(MessageType.GlobalRollback, { xid: text, extraData: text }),
  resultMessage(MessageType.GlobalRollbackResult, { exceptionCode, globalStatus }),
  message(MessageType.BranchRegister, register),
  resultMessage(MessageType.BranchRegisterResult, { exceptionCode, branchId }),
  message(MessageType.BranchReport, {
    xid: text,
    branchId,
    branchStatus,
    resourceId: text,
    applicationData: text,
    branchType,
  }),
  resultMessage(MessageType.BranchReportResult, { exceptionCode }),
  message(MessageType.GlobalStatus, { xid: text, extraData: text }),
  resultMessage(MessageType.GlobalStatusResult, { exceptionCode, globalStatus }),
  message(MessageType.GlobalReport, {
    xid: text,
    extraData: text,
    globalStatus: fc.option(globalStatus),
  }),
  resultMessage(MessageType.GlobalReportResult, { exceptionCode, globalStatus }),
  message(MessageType.GlobalLockQuery, register),
  resultMessage(MessageType.GlobalLockQueryResult, { exceptionCode, lockable: fc.boolean() }),
  message(MessageType.RegisterTM, identity),
  resultMessage(MessageType.RegisterTMResult, identified),
  message(MessageType.RegisterRM, { ...identity, resourceIds: text }),
  resultMessage(MessageType.RegisterRMResult, identified),
  message(MessageType.UnregisterRM, { ...identity, resourceIds: text }),
  // Without a result prefix, the result code follows from `identified`.
  message(MessageType.UnregisterRMResult, identified).map(
    (value) =>
      ({
        resultCode: Number('identified' in value && value.identified),
        msg: '',
        ...value,
      }) as SingleMessage,
  ),
  message(MessageType.UndoLogDelete, {
    branchType,
    resourceId: text,
    saveDays: fc.integer({ min: -32_768, max: 32_767 }),
  }),
]

const messageId = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const pairs = fc.array(fc.tuple(fc.oneof(...singles), messageId), { minLength: 1, maxLength: 8 })
const merged: fc.Arbitrary<Message> = fc
  .tuple(
    fc.constantFrom(MessageType.MergedWarp, MessageType.MergeResult, MessageType.BatchResult),
    pairs,
  )
  .map(([type, items]) => {
    const messages = items.map(([single]) => single)
    if (type === MessageType.MergeResult) return { type, messages }
    return { type, messages, messageIds: items.map(([, id]) => id) }
  })

const writer = new ByteWriter()
const reader = new ByteReader()

function encode(value: Message, version: number): Buffer {
  writer.reset()
  encodeMessage(writer, value, version)
  return Buffer.from(writer.bytes())
}

function decode(bytes: Buffer, version = 1): Message {
  reader.load(bytes)
  return decodeMessage(reader, version)
}

function decodeHex(hex: string): Message {
  return decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

function badMessage(pattern: RegExp): (error: unknown) => boolean {
  return (error) => isSetteeError(error, 'SETTEE_TX_BAD_MESSAGE') && pattern.test(error.message)
}

test('what is encoded comes back, for every message type, alone and merged', () => {
  const properties = [...singles, merged].map((arbitrary) =>
    fc.property(arbitrary, (value) => {
      assert.deepEqual(decode(encode(value, 2), 2), value)
    }),
  )
  for (const property of properties) fc.assert(property, { seed: 2026, numRuns: 100 })
})

test('a registration answered in a version 1 frame carries no result code and no reason', () => {
  const refusal = {
    type: MessageType.RegisterRMResult,
    resultCode: ResultCode.Failed,
    msg: 'wrong group',
    identified: false,
    version: '2.6.0',
  }
  assert.deepEqual(decode(encode(refusal, 1), 1), { ...refusal, msg: '' })
  assert.deepEqual(decode(encode(refusal, 2), 2), refusal)
})

test('an unknown type code is refused by its number', () => {
  assert.throws(() => decodeHex('0013'), badMessage(/type code 19 /))
  assert.throws(() => decodeHex('0078'), badMessage(/type code 120 /))
  assert.throws(() => decodeHex('ffff'), badMessage(/type code 65535 /))
})

test('a merged message inside of a merged one is refused', () => {
  const inner = '003b 00000002 0000'
  assert.throws(() => decodeHex(`003b 0000000a 0001 ${inner}`), badMessage(/type code 59 .*merged/))
})

test('a negative or excessive count of merged messages is refused before reading', () => {
  assert.throws(() => decodeHex('003c 00000002 ffff'), badMessage(/-1 messages/))
  assert.throws(() => decodeHex('003c 00000002 2711'), badMessage(/10001 messages/))
  const one = { type: MessageType.BranchReportResult, exceptionCode: 0, msg: '', resultCode: 1 }
  const messages = new Array<SingleMessage>(maxMergedMessages + 1).fill(one as SingleMessage)
  assert.throws(
    () => encode({ type: MessageType.MergeResult, messages }, 1),
    badMessage(/10001 messages/),
  )
})

test('merged messages end where their announced size ends, whatever follows', () => {
  const cut = '003c 00000005 0001 000e 01 00'
  assert.throws(
    () => decodeHex(cut),
    (error) => isSetteeError(error, 'SETTEE_WIRE_TRUNCATED'),
  )
  const withIds = decodeHex('003b 0000000a 0001 000e 01 00 00000007 00000008')
  assert.deepEqual('messageIds' in withIds && withIds.messageIds, [7])
  const withoutIds = decodeHex('003b 00000006 0001 000e 01 00 00000007')
  assert.deepEqual('messageIds' in withoutIds && withoutIds.messageIds, [])
})

test('a BatchResult without the ids it answers is refused', () => {
  assert.throws(
    () => decodeHex('0079 00000006 0001 000e 01 00'),
    (error) => isSetteeError(error, 'SETTEE_WIRE_TRUNCATED'),
  )
})

test('null texts, written as size 0 or -1, are read as empty ones', () => {
  const expected = { type: MessageType.GlobalCommit, xid: '', extraData: '' }
  assert.deepEqual(decodeHex('0007 0000 0000'), expected)
  assert.deepEqual(decodeHex('0007 ffff ffff'), expected)
})

test('a text size that Java wrapped into the negative is refused', () => {
  assert.throws(() => decodeHex('0007 9c40'), badMessage(/size -25536/))
})

test('a text that does not fit into its field is refused when it is encoded', () => {
  const longest = 'x'.repeat(32_767)
  const fits = { type: MessageType.GlobalCommit, xid: '', extraData: longest }
  assert.deepEqual(decode(encode(fits, 1)), fits)
  assert.throws(() => encode({ ...fits, extraData: `${longest}x` }, 1), badMessage(/32768 bytes/))
})

test('a lock key may be longer than a text with a 16-bit size', () => {
  const lockKey = `t:${'1,'.repeat(50_000)}`
  const request = {
    type: MessageType.BranchRegister,
    xid: '',
    branchType: BranchType.AT,
    resourceId: '',
    lockKey,
    applicationData: '',
  }
  assert.deepEqual(decode(encode(request, 1)), request)
})

const unknownNumbers = [
  ['branch type 5', '006f 05 0000 0000'],
  ['branch status 15', '000d 0000 0000000000000000 0f 0000 00000000 00'],
  ['global status 21', '0008 01 00 15'],
  ['result code 2', '000e 02 00'],
] as const
for (const [name, hex] of unknownNumbers) {
  test(`${name}, which does not exist, is refused`, () => {
    assert.throws(() => decodeHex(hex), badMessage(new RegExp(name)))
  })
}

const longReasons = [
  ['one-byte characters', 'x'.repeat(40_000), 'x'.repeat(32_767)],
  ['three-byte characters', '事'.repeat(20_000), '事'.repeat(10_922)],
  ['a border inside a four-byte character', `${'x'.repeat(32_765)}😀😀`, 'x'.repeat(32_765)],
  ['a border inside a surrogate pair', `${'x'.repeat(32_766)}😀x`, 'x'.repeat(32_766)],
] as const
for (const [name, msg, expected] of longReasons) {
  test(`a reason that is too long is cut to whole characters: ${name}`, () => {
    const answer = {
      type: MessageType.BranchReportResult,
      resultCode: ResultCode.Failed,
      msg,
      exceptionCode: ExceptionCode.IO,
    }
    assert.deepEqual(decode(encode(answer, 1)), { ...answer, msg: expected })
  })
}
