/**
 * Every message as bytes written out by hand, field by field. The same bytes, cut, flipped and
 * stretched, must never cause anything but a typed error.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom, isSetteeError, type Random } from '@settee/kit'
import { ByteReader, ByteWriter } from '@settee/wire'
import {
  createFrameHeader,
  decodeFrameHeader,
  defaultMaxFrameBytes,
  encodeFrame,
  frameLength,
  FrameType,
} from './frame.ts'
import { MessageType } from './message-type.ts'
import { decodeMessage, encodeMessage, type Message } from './message.ts'
import { BranchStatus, BranchType, ExceptionCode, GlobalStatus, ResultCode } from './status.ts'

interface Golden {
  readonly title: string
  readonly version: number
  readonly message: Message
  readonly bytes: Buffer
}

const goldens: Golden[] = []

function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

/** The hex of each entry is one field or a few that belong together. */
function golden(message: Message, fields: readonly string[], version = 1): void {
  const name = Object.entries(MessageType).find(([, type]) => type === message.type)?.[0]
  const bytes = fromHex(fields.join(''))
  goldens.push({ title: `${name} ${goldens.length}, version ${version}`, version, message, bytes })
}

const success = { resultCode: ResultCode.Success, msg: '', exceptionCode: ExceptionCode.Unknown }
const xid = 'a:1:7'
const branch = { xid, branchId: 258, branchType: BranchType.AT, resourceId: 'r' }

golden({ type: MessageType.GlobalBegin, timeoutMs: 60_000, transactionName: 't' }, [
  '0001', // GlobalBegin
  '0000ea60', // timeoutMs 60000
  '0001 74', // transactionName
])
golden({ type: MessageType.GlobalBeginResult, ...success, xid, extraData: '' }, [
  '0002', // GlobalBeginResult
  '01', // Success, so no msg
  '00', // Unknown: no exception
  '0005 613a313a37', // xid
  '0000', // extraData, empty
])
golden(
  {
    type: MessageType.GlobalBeginResult,
    resultCode: ResultCode.Failed,
    msg: 'né',
    exceptionCode: ExceptionCode.FailedStore,
    xid: '',
    extraData: 'x',
  },
  [
    '0002', // GlobalBeginResult
    '00', // Failed
    '0003 6ec3a9', // msg: 3 bytes, 2 characters
    '12', // FailedStore 18
    '0000', // xid, empty
    '0001 78', // extraData
  ],
)
golden({ type: MessageType.BranchCommit, ...branch, applicationData: '' }, [
  '0003', // BranchCommit
  '0005 613a313a37', // xid
  '0000000000000102', // branchId 258
  '00', // AT
  '0001 72', // resourceId
  '00000000', // applicationData, empty
])
golden(
  {
    type: MessageType.BranchCommitResult,
    ...success,
    xid,
    branchId: 258,
    branchStatus: BranchStatus.PhaseTwo_Committed,
  },
  [
    '0004', // BranchCommitResult
    '01 00', // Success, Unknown
    '0005 613a313a37', // xid
    '0000000000000102', // branchId
    '05', // PhaseTwo_Committed
  ],
)
golden(
  {
    type: MessageType.BranchRollback,
    ...branch,
    branchId: 0x2401_0203_0405_0607n,
    branchType: BranchType.XA,
    applicationData: '{}',
  },
  [
    '0005', // BranchRollback
    '0005 613a313a37', // xid
    '2401020304050607', // branchId, above 2^53
    '03', // XA
    '0001 72', // resourceId
    '00000002 7b7d', // applicationData
  ],
)
golden(
  {
    type: MessageType.BranchRollbackResult,
    ...success,
    xid,
    branchId: -2,
    branchStatus: BranchStatus.PhaseTwo_RollbackFailed_Retryable,
  },
  [
    '0006', // BranchRollbackResult
    '01 00', // Success, Unknown
    '0005 613a313a37', // xid
    'fffffffffffffffe', // branchId -2
    '09', // PhaseTwo_RollbackFailed_Retryable
  ],
)
golden({ type: MessageType.GlobalCommit, xid, extraData: '' }, [
  '0007', // GlobalCommit
  '0005 613a313a37', // xid
  '0000', // extraData, empty
])
golden(
  { type: MessageType.GlobalCommitResult, ...success, globalStatus: GlobalStatus.AsyncCommitting },
  [
    '0008', // GlobalCommitResult
    '01 00', // Success, Unknown
    '08', // AsyncCommitting
  ],
)
golden({ type: MessageType.GlobalRollback, xid, extraData: 'e' }, [
  '0009', // GlobalRollback
  '0005 613a313a37', // xid
  '0001 65', // extraData
])
golden(
  {
    type: MessageType.GlobalRollbackResult,
    resultCode: ResultCode.Failed,
    msg: '',
    exceptionCode: ExceptionCode.GlobalTransactionNotExist,
    globalStatus: GlobalStatus.Finished,
  },
  [
    '000a', // GlobalRollbackResult
    '00', // Failed
    '0000', // msg, empty
    '0a', // GlobalTransactionNotExist 10
    '0f', // Finished 15
  ],
)
golden(
  {
    type: MessageType.BranchRegister,
    xid,
    branchType: BranchType.AT,
    resourceId: 'r',
    lockKey: 't:1,2',
    applicationData: 'd',
  },
  [
    '000b', // BranchRegister
    '0005 613a313a37', // xid
    '00', // AT
    '0001 72', // resourceId
    '00000005 743a312c32', // lockKey
    '00000001 64', // applicationData
  ],
)
golden({ type: MessageType.BranchRegisterResult, ...success, branchId: 2 ** 53 - 1 }, [
  '000c', // BranchRegisterResult
  '01 00', // Success, Unknown
  '001fffffffffffff', // branchId 2^53 - 1
])
golden(
  {
    type: MessageType.BranchReport,
    ...branch,
    branchStatus: BranchStatus.PhaseOne_Failed,
    applicationData: '',
    branchType: BranchType.TCC,
  },
  [
    '000d', // BranchReport
    '0005 613a313a37', // xid
    '0000000000000102', // branchId
    '03', // PhaseOne_Failed
    '0001 72', // resourceId
    '00000000', // applicationData, empty
    '01', // TCC
  ],
)
golden({ type: MessageType.BranchReportResult, ...success }, [
  '000e', // BranchReportResult
  '01 00', // Success, Unknown
])
golden({ type: MessageType.GlobalStatus, xid, extraData: '' }, [
  '000f', // GlobalStatus
  '0005 613a313a37', // xid
  '0000', // extraData, empty
])
golden({ type: MessageType.GlobalStatusResult, ...success, globalStatus: GlobalStatus.Begin }, [
  '0010', // GlobalStatusResult
  '01 00', // Success, Unknown
  '01', // Begin
])
golden({ type: MessageType.GlobalReport, xid, extraData: '', globalStatus: null }, [
  '0011', // GlobalReport
  '0005 613a313a37', // xid
  '0000', // extraData, empty
  'ff', // no status: -1
])
golden(
  { type: MessageType.GlobalReportResult, ...success, globalStatus: GlobalStatus.CommitRetrying },
  [
    '0012', // GlobalReportResult
    '01 00', // Success, Unknown
    '03', // CommitRetrying
  ],
)
golden(
  {
    type: MessageType.GlobalLockQuery,
    xid,
    branchType: BranchType.AT,
    resourceId: 'r',
    lockKey: 't:1',
    applicationData: '',
  },
  [
    '0015', // GlobalLockQuery 21
    '0005 613a313a37', // xid
    '00', // AT
    '0001 72', // resourceId
    '00000003 743a31', // lockKey
    '00000000', // applicationData, empty
  ],
)
golden({ type: MessageType.GlobalLockQueryResult, ...success, lockable: true }, [
  '0016', // GlobalLockQueryResult 22
  '01 00', // Success, Unknown
  '0001', // lockable
])
const registration = {
  version: '2.6.0',
  applicationId: 'app',
  transactionServiceGroup: 'g',
  extraData: 'ip=1',
}
golden({ type: MessageType.RegisterTM, ...registration }, [
  '0065', // RegisterTM 101
  '0005 322e362e30', // version
  '0003 617070', // applicationId
  '0001 67', // transactionServiceGroup
  '0004 69703d31', // extraData
])
const identified = { resultCode: ResultCode.Success, msg: '', identified: true, version: '2.6.0' }
const refused = { resultCode: ResultCode.Failed, msg: '', identified: false, version: '' }
golden({ type: MessageType.RegisterTMResult, ...identified }, [
  '0066', // RegisterTMResult 102
  '01', // identified
  '0005 322e362e30', // version
])
golden({ type: MessageType.RegisterTMResult, ...refused }, [
  '0066', // RegisterTMResult
  '00', // not identified
  '0000', // version, empty
])
golden(
  { type: MessageType.RegisterTMResult, ...refused, msg: 'no' },
  [
    '0066', // RegisterTMResult
    '00', // Failed: version 2 has the result prefix
    '0002 6e6f', // msg
    '00', // not identified
    '0000', // version, empty
  ],
  2,
)
golden({ type: MessageType.RegisterRM, ...registration, resourceIds: 'r,s' }, [
  '0067', // RegisterRM 103
  '0005 322e362e30', // version
  '0003 617070', // applicationId
  '0001 67', // transactionServiceGroup
  '0004 69703d31', // extraData
  '00000003 722c73', // resourceIds
])
golden({ type: MessageType.RegisterRMResult, ...identified }, [
  '0068', // RegisterRMResult 104
  '01', // identified
  '0005 322e362e30', // version
])
golden(
  { type: MessageType.RegisterRMResult, ...identified },
  [
    '0068', // RegisterRMResult
    '01', // Success: version 2 has the result prefix
    '01', // identified
    '0005 322e362e30', // version
  ],
  2,
)
golden({ type: MessageType.UnregisterRM, ...registration, extraData: '', resourceIds: 'r' }, [
  '0069', // UnregisterRM 105
  '0005 322e362e30', // version
  '0003 617070', // applicationId
  '0001 67', // transactionServiceGroup
  '0000', // extraData, empty
  '00000001 72', // resourceIds
])
golden(
  { type: MessageType.UnregisterRMResult, ...identified },
  [
    '006a', // UnregisterRMResult 106
    '01', // identified: no result prefix in version 2 either
    '0005 322e362e30', // version
  ],
  2,
)
golden(
  { type: MessageType.UndoLogDelete, branchType: BranchType.AT, resourceId: 'r', saveDays: 7 },
  [
    '006f', // UndoLogDelete 111
    '00', // AT
    '0001 72', // resourceId
    '0007', // saveDays
  ],
)
const twoCommits = [
  { type: MessageType.GlobalCommit, xid, extraData: '' },
  { type: MessageType.GlobalCommit, xid, extraData: 'e' },
] as const
golden({ type: MessageType.MergedWarp, messages: twoCommits, messageIds: [9, -1] }, [
  '003b', // MergedWarp 59
  '00000021', // 33 bytes follow
  '0002', // two messages
  '0007 0005 613a313a37 0000', // GlobalCommit: xid, no extraData
  '0007 0005 613a313a37 0001 65', // GlobalCommit: xid, extraData
  '00000009', // id of the first
  'ffffffff', // id of the second
])
golden({ type: MessageType.MergedWarp, messages: twoCommits, messageIds: [] }, [
  '003b', // MergedWarp from a client before 1.5.0
  '00000019', // 25 bytes follow
  '0002', // two messages
  '0007 0005 613a313a37 0000', // GlobalCommit: xid, no extraData
  '0007 0005 613a313a37 0001 65', // GlobalCommit: xid, extraData
])
const twoResults = [
  { type: MessageType.BranchReportResult, ...success },
  { type: MessageType.BranchRegisterResult, ...success, branchId: 258 },
] as const
golden({ type: MessageType.MergeResult, messages: twoResults }, [
  '003c', // MergeResult 60
  '00000012', // 18 bytes follow
  '0002', // two messages
  '000e 01 00', // BranchReportResult: Success, Unknown
  '000c 01 00 0000000000000102', // BranchRegisterResult: Success, Unknown, branchId
])
golden({ type: MessageType.BatchResult, messages: twoResults, messageIds: [9, 10] }, [
  '0079', // BatchResult 121
  '0000001a', // 26 bytes follow
  '0002', // two messages
  '000e 01 00', // BranchReportResult: Success, Unknown
  '000c 01 00 0000000000000102', // BranchRegisterResult: Success, Unknown, branchId
  '00000009 0000000a', // the ids they answer
])

const heartbeat = fromHex('dada 01 00000010 0010 03 01 00 00000002')
const frameWithHeadMap = fromHex(
  'dada 01 00000022 0019 00 01 00 00000001 0001 6b 0004 76616c75 0001 0000ea60 0001 74',
)

const writer = new ByteWriter()
const reader = new ByteReader()
const header = createFrameHeader()

function frameOf({ message, version }: Golden): Buffer {
  writer.reset()
  encodeFrame(writer, { version, frameType: FrameType.RequestSync, requestId: 1, message })
  return Buffer.from(writer.bytes())
}

/** What a connection does with a chunk that holds one frame. */
function decodeFrame(bytes: Buffer): Message | undefined {
  const length = frameLength(bytes, 0, bytes.length, defaultMaxFrameBytes)
  if (length === 0 || length > bytes.length) return undefined
  reader.load(bytes)
  reader.enter(0, length)
  decodeFrameHeader(reader, header)
  return header.frameType < FrameType.HeartbeatRequest
    ? decodeMessage(reader, header.version)
    : undefined
}

test('every message type has golden bytes', () => {
  const covered = new Set(goldens.map(({ message }) => message.type))
  assert.deepEqual(covered, new Set(Object.values(MessageType)))
})

for (const { title, version, message, bytes } of goldens) {
  test(`${title}: encodes to its golden bytes and decodes from them`, () => {
    writer.reset()
    encodeMessage(writer, message, version)
    assert.equal(writer.bytes().toString('hex'), bytes.toString('hex'))
    reader.load(bytes)
    assert.deepEqual(decodeMessage(reader, version), message)
    assert.equal(reader.remaining, 0)
  })
}

test('a body that is cut at any byte is refused with a typed error', () => {
  for (const { title, version, bytes } of goldens) {
    for (let end = 0; end < bytes.length; end++) {
      reader.load(bytes.subarray(0, end))
      assert.throws(
        () => decodeMessage(reader, version),
        (error) => isSetteeError(error),
        `${title} cut to ${end} bytes`,
      )
    }
  }
})

test('a frame cut at any byte is waited for, and refused when taken for whole', () => {
  for (const item of goldens) {
    const frame = frameOf(item)
    for (let end = 0; end < frame.length; end++) {
      assert.equal(decodeFrame(frame.subarray(0, end)), undefined)
      reader.load(frame.subarray(0, end))
      assert.throws(
        () => decodeFrameHeader(reader, header),
        (error) => isSetteeError(error),
      )
    }
  }
})

test('bytes behind the last field are ignored, because newer peers add fields there', () => {
  for (const { version, message, bytes } of goldens) {
    reader.load(Buffer.concat([bytes, Buffer.from('fffe', 'hex')]))
    assert.deepEqual(decodeMessage(reader, version), message)
  }
})

test('100,000 damaged frames cause typed errors or messages no larger than the frame', () => {
  const random = createSeededRandom(20_261)
  const frames = [...goldens.map(frameOf), heartbeat, frameWithHeadMap]
  for (const frame of frames) assert.doesNotThrow(() => decodeFrame(frame))
  let refused = 0
  for (let i = 0; i < 100_000; i++) {
    const damaged = damage(frames[random.below(frames.length)]!, random)
    try {
      const message = decodeFrame(damaged)
      if (message !== undefined) {
        assert.ok(weigh(message) <= damaged.length, damaged.toString('hex'))
      }
    } catch (error) {
      if (!isSetteeError(error)) throw error
      refused++
    }
  }
  assert.ok(refused > 20_000 && refused < 90_000, `${refused} of 100000 were refused`)
})

/** One to three damages; half of the frames get a right length again, to reach the body codecs. */
function damage(frame: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(frame)
  for (let n = random.below(3); n >= 0; n--) {
    const at = random.below(bytes.length)
    switch (random.below(5)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8)
        break
      case 1:
        bytes = Buffer.from(bytes.subarray(0, Math.max(at, 1)))
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(random), bytes.subarray(at)])
        break
      case 3:
        lieAboutLength(bytes, at, random)
        break
      default:
        bytes = Buffer.concat([bytes, randomBytes(random)])
    }
  }
  if (bytes.length >= 16 && random.below(2) === 0) bytes.writeInt32BE(bytes.length, 3)
  return bytes
}

function randomBytes(random: Random): Buffer {
  return Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256)))
}

function lieAboutLength(bytes: Buffer, at: number, random: Random): void {
  const lies = [0, 1, -1, 0x7fff, -0x8000, 0x7fff_ffff, -0x8000_0000, random.u32() | 0]
  const lie = lies[random.below(lies.length)]!
  if (random.below(2) === 0 && at + 4 <= bytes.length) bytes.writeInt32BE(lie, at)
  else if (at + 2 <= bytes.length) bytes.writeInt16BE((lie << 16) >> 16, at)
}

/** A lower bound of the bytes that a message must have taken on the wire. */
function weigh(message: Message): number {
  let bytes = 2
  for (const value of Object.values(message) as unknown[]) {
    if (typeof value === 'string') bytes += value.length
    else if (Array.isArray(value)) for (const item of value as unknown[]) bytes += weighItem(item)
  }
  return bytes
}

function weighItem(item: unknown): number {
  return typeof item === 'number' ? 4 : weigh(item as Message)
}
