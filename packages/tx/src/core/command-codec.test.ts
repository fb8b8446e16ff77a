import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSeededRandom, isSetteeError } from '@settee/kit'
import { ByteReader, ByteWriter } from '@settee/wire'
import { BranchStatus, BranchType, GlobalStatus } from '../protocol/status.ts'
import { decodeCommand, encodeCommand } from './command-codec.ts'
import type { Command } from './commands.ts'

const xid = '10.0.0.1:8091:736284123456789'
const now = 1_790_000_000_000
const id = 736_284_123_456_789

const samples: readonly Command[] = [
  {
    kind: 'begin',
    xid,
    transactionId: id,
    name: '购买 purchase',
    timeoutMs: 4_294_967_295,
    applicationId: 'shop',
    transactionServiceGroup: 'default_tx_group',
    now,
  },
  {
    kind: 'registerBranch',
    xid,
    branchId: Number.MAX_SAFE_INTEGER,
    branchType: BranchType.SAGA_ANNOTATION,
    resourceId: 'jdbc:postgresql://127.0.0.1:5432/account',
    clientId: 'shop:127.0.0.1:50123',
    lockKeys: `account:${'1_a,'.repeat(30_000)}2`,
    applicationData: '{"autoCommit":false,"lockWaitMs":300}',
    lockWaitedMs: 17,
    now,
  },
  {
    kind: 'reportBranch',
    xid,
    branchId: id,
    status: BranchStatus.STOP_RETRY,
    applicationData: '',
    now,
  },
  { kind: 'commit', xid, now },
  { kind: 'rollback', xid, reason: 'not enough money 😀', now },
  { kind: 'timeOut', xid, now },
  { kind: 'globalReport', xid, status: GlobalStatus.StopRollbackOrRollbackRetry, now },
  {
    kind: 'branchesEnded',
    outcomes: [
      { xid, branchId: id, status: BranchStatus.PhaseTwo_Committed, error: '' },
      { xid: 'b:1:2', branchId: -1, status: BranchStatus.Unknown, error: 'no answer' },
    ],
    now,
  },
  { kind: 'branchesEnded', outcomes: [], now },
  { kind: 'resume', xid, reason: '', now },
  { kind: 'forget', xid, reason: 'settled by hand', now },
  { kind: 'repairBranch', xid, branchId: id, choice: 'now', by: 'ops', note: '核对过', now },
]

function encode(command: Command): Buffer {
  const writer = new ByteWriter()
  encodeCommand(command, writer)
  return writer.take()
}

describe('the codec of commands', () => {
  for (const [index, command] of samples.entries()) {
    it(`gives back ${command.kind} (${index}) as it was`, () => {
      assert.deepEqual(decodeCommand(new ByteReader(encode(command))), command)
    })
  }

  it('writes a wait that is too long for its field as the longest that fits', () => {
    const registration = samples.find(({ kind }) => kind === 'registerBranch')!
    const wait = { ...registration, lockWaitedMs: 2 ** 40 } as Command
    const decoded = decodeCommand(new ByteReader(encode(wait)))
    assert.deepEqual(decoded, { ...wait, lockWaitedMs: 2 ** 32 - 1 })
  })

  it('keeps a commit small', () => {
    assert.equal(encode({ kind: 'commit', xid, now }).length, 1 + 8 + 4 + xid.length)
  })

  it('writes the bytes that older journals hold', () => {
    assert.equal(
      encode({ kind: 'rollback', xid: 'a:1:2', reason: 'x', now: 258 }).toString('hex'),
      '05' + '0000000000000102' + '00000005' + '613a313a32' + '00000001' + '78',
    )
  })

  it('refuses damaged records with a typed error', () => {
    const bad = (hex: string): (() => unknown) => {
      return () => decodeCommand(new ByteReader(Buffer.from(hex, 'hex')))
    }
    const start = '0000000000000001'
    assert.throws(bad(''), { code: 'SETTEE_WIRE_TRUNCATED' })
    assert.throws(bad(`63${start}00000000`), { code: 'SETTEE_TX_BAD_RECORD', message: /code 99/ })
    assert.throws(bad(`04${start}7fffffff61`), { code: 'SETTEE_WIRE_TRUNCATED' })
    assert.throws(bad(`047fffffffffffffff00000000`), { message: /9223372036854775807 is beyond/ })
    assert.throws(bad(`07${start}0000000063`), { message: /99 is no global status/ })
    assert.throws(bad(`04${start}0000000000`), { message: /1 bytes follow a commit command/ })
    assert.throws(bad(`08${start}ffffffff`), { code: 'SETTEE_WIRE_TRUNCATED' })
  })

  it('survives 100,000 mutations of valid records with typed errors only', () => {
    const random = createSeededRandom(20_261_121)
    const records = samples.map(encode).filter((record) => record.length < 1000)
    const reader = new ByteReader()
    let refusedCount = 0
    for (let i = 0; i < 100_000; i++) {
      const bytes = Buffer.from(records[random.below(records.length)]!)
      for (let change = random.below(4); change >= 0; change--) {
        bytes[random.below(bytes.length)] = random.below(256)
      }
      reader.load(bytes.subarray(0, bytes.length - (random.below(4) === 0 ? random.below(9) : 0)))
      try {
        decodeCommand(reader)
      } catch (error) {
        if (!isSetteeError(error)) throw error
        refusedCount++
      }
    }
    assert.ok(refusedCount > 10_000)
  })
})
