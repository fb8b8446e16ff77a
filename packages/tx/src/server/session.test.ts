import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, describe, test } from 'node:test'
import { ByteReader, ByteWriter } from '@settee/wire'
import {
  BranchStatus,
  BranchType,
  createFrameHeader,
  decodeFrameHeader,
  decodeMessage,
  encodeFrame,
  ExceptionCode,
  FrameType,
  MessageType,
  ResultCode,
  type Message,
  type RequestMessage,
} from '../protocol/index.ts'
import {
  cleanUpAll,
  startCoordinator,
  stockResource,
  type CleanUps,
  type TestCoordinator,
} from './test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))
const { begun, merged } = { begun: MessageType.GlobalBegin, merged: MessageType.MergedWarp }

const identity = {
  version: '2.7.0',
  applicationId: 'shop',
  transactionServiceGroup: 'default',
  extraData: '',
}

describe('registration', () => {
  for (const { version, form } of [
    { version: 1, form: 'identified and the version' },
    { version: 2, form: 'a result before them' },
  ]) {
    test(`a frame of version ${version} is answered in that version, with ${form}`, async () => {
      const coordinator = await startCoordinator(cleanUps)
      const answer = await askRaw(coordinator, version, {
        type: MessageType.RegisterTM,
        ...identity,
      })
      assert.equal(answer.version, version)
      assert.deepEqual(answer.message, {
        type: MessageType.RegisterTMResult,
        resultCode: ResultCode.Success,
        msg: '',
        identified: true,
        version: '2.6.0',
      })
      // Behind the type come the result code (version 2 only), identified and the version.
      const resultBytes = version === 2 ? 1 : 0
      assert.equal(answer.bodyBytes, 2 + resultBytes + 1 + 2 + '2.6.0'.length)
    })
  }

  test('is answered when it came as oneway too, as from Seata', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const message: Message = {
      type: MessageType.RegisterRM,
      ...identity,
      resourceIds: stockResource,
    }
    const frame = encode(1, 9, message, FrameType.RequestOneway)
    const [answer] = await exchange(coordinator, [frame], 1)
    assert.equal(answer!.requestId, 9)
    assert.equal(answer!.message.type, MessageType.RegisterRMResult)
  })

  test('a request before it closes the connection and says why', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const stranger = await coordinator.connect({ registers: false })
    await assert.rejects(stranger.begin())
    await stranger.until(() => !stranger.isOpen)
    assert.equal(coordinator.accusations[0]!.code, 'SETTEE_TX_BAD_MESSAGE')
    assert.match(coordinator.accusations[0]!.message, /sent a request before it registered/)
    assert.equal(coordinator.server.state.transactions.size, 0)
  })

  test('too many resources on one connection are refused with the limit', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const client = await coordinator.connect()
    const resourceIds = Array.from({ length: 1001 }, (_, i) => `resource-${i}`).join(',')
    const { resultCode } = await client.register({ resourceIds })
    assert.equal(resultCode, ResultCode.Failed)
    const fewer = Array.from({ length: 1000 }, (_, i) => `resource-${i}`).join(',')
    assert.equal((await client.register({ resourceIds: fewer })).resultCode, ResultCode.Success)
    assert.equal((await client.register({ resourceIds: 'one-more' })).resultCode, ResultCode.Failed)
  })

  test('a resource id that is too long is refused, in version 2 with the reason', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const { message } = await askRaw(coordinator, 2, {
      type: MessageType.RegisterRM,
      ...identity,
      resourceIds: 'x'.repeat(2001),
    })
    assert.ok(message.type === MessageType.RegisterRMResult && !message.identified)
    assert.equal(message.msg, 'a resource id has 2001 characters; maxNameLength allows 2000')
  })

  test('a resource that was unregistered gets no more orders', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const manager = await coordinator.connect()
    const first = await coordinator.connect({ resourceIds: stockResource })
    const answer = await first.ask({
      type: MessageType.UnregisterRM,
      ...identity,
      resourceIds: stockResource,
    })
    assert.equal(answer.resultCode, ResultCode.Success)
    const second = await coordinator.connect({ resourceIds: stockResource })
    const xid = await manager.begin()
    await first.branch(xid, 'stock:1')
    await manager.rollback(xid)
    assert.deepEqual([first.orders.length, second.orders.length], [0, 1])
  })
})

describe('a global transaction over the wire', () => {
  test('begins, takes branches, commits and is remembered', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const manager = await coordinator.connect()
    const resources = await coordinator.connect({ resourceIds: stockResource })
    const xid = await manager.begin()
    assert.match(xid, new RegExp(`^${coordinator.server.address}:\\d+$`))
    assert.equal(await manager.statusOf(xid), 'Begin')
    const branchIds = [
      await resources.branch(xid, 'stock:1'),
      await resources.branch(xid, 'stock:2'),
    ]
    assert.equal(await manager.commit(xid), 'Committed')
    await resources.until(() => resources.orders.length === 2)
    assert.deepEqual(
      resources.orders,
      branchIds.map((id) => `commit ${id}`),
    )
    // Asked again, because the answer may have been lost.
    assert.equal(await manager.commit(xid), 'Committed')
    assert.equal(coordinator.server.state.locks.size, 0)
  })

  test('rolls back against the order of registration, and is answered at the end', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const manager = await coordinator.connect()
    const resources = await coordinator.connect({ resourceIds: stockResource })
    const xid = await manager.begin()
    const branchIds = [
      await resources.branch(xid, 'stock:1'),
      await resources.branch(xid, 'stock:2'),
    ]
    assert.equal(await manager.rollback(xid, 'not enough money'), 'Rollbacked')
    assert.deepEqual(
      resources.orders,
      branchIds.toReversed().map((id) => `rollback ${id}`),
    )
    assert.equal(await manager.rollback(xid), 'Rollbacked')
    assert.equal(await manager.statusOf(xid), 'Rollbacked')
    // Seata's clients would take Rollbacked for success of a commit.
    assert.equal(await manager.commit(xid), 'Finished')
  })

  test('an unknown xid has finished', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const manager = await coordinator.connect()
    const xid = '127.0.0.1:8091:42'
    assert.equal(await manager.statusOf(xid), 'Finished')
    assert.equal(await manager.commit(xid), 'Finished')
    assert.equal(await manager.rollback(xid), 'Finished')
  })

  test('is rolled back by the coordinator when its time is up', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const manager = await coordinator.connect()
    const resources = await coordinator.connect({ resourceIds: stockResource })
    const xid = await manager.begin(3000)
    await resources.branch(xid, 'stock:1')
    await coordinator.pass(3000)
    assert.equal(await manager.statusOf(xid), 'Begin')
    await coordinator.pass(1)
    await resources.until(() => resources.orders.length === 1)
    assert.equal(await manager.statusOf(xid), 'TimeoutRollbacked')
    assert.equal(await manager.commit(xid), 'TimeoutRollbacked')
    const late = await resources.askBranch(xid, 'stock:2')
    assert.match(late.msg, /rolled it back because of its timeout of 3000 ms/)
  })

  test('the advertised address is the prefix of xids', async () => {
    const coordinator = await startCoordinator(cleanUps, {
      advertisedAddress: '10.1.2.3:8091',
    })
    assert.match(await (await coordinator.connect()).begin(), /^10\.1\.2\.3:8091:\d+$/)
  })

  test('a branch whose phase one failed is not driven again', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const manager = await coordinator.connect()
    const resources = await coordinator.connect({ resourceIds: stockResource })
    const xid = await manager.begin()
    const failed = await resources.branch(xid, 'stock:1')
    const done = await resources.branch(xid, 'stock:2')
    const report = await resources.ask({
      type: MessageType.BranchReport,
      xid,
      branchId: failed,
      branchStatus: BranchStatus.PhaseOne_Failed,
      resourceId: stockResource,
      applicationData: '',
      branchType: BranchType.AT,
    })
    assert.equal(report.resultCode, ResultCode.Success)
    assert.equal(await manager.rollback(xid), 'Rollbacked')
    assert.deepEqual(resources.orders, [`rollback ${done}`])
  })

  test('a report of an unknown branch is refused in the words of the original', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const client = await coordinator.connect({ resourceIds: stockResource })
    const xid = await client.begin()
    const report = await client.ask({
      type: MessageType.BranchReport,
      xid,
      branchId: 7,
      branchStatus: BranchStatus.PhaseOne_Done,
      resourceId: stockResource,
      applicationData: '',
      branchType: BranchType.AT,
    })
    assert.equal(
      report.msg,
      `TransactionException[Could not found branch session xid = ${xid} branchId = 7]`,
    )
  })
})

describe('merged requests', () => {
  const messages: RequestMessage[] = [
    { type: begun, timeoutMs: 60_000, transactionName: 'first' },
    { type: begun, timeoutMs: 60_000, transactionName: 'second' },
  ]
  test('of a client from 2.3 on are answered one by one', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const answers = await askMerged(coordinator, '2.3.0', messages, 2)
    assert.deepEqual(
      answers.map(({ requestId, message }) => [requestId, message.type]),
      [
        [11, MessageType.GlobalBeginResult],
        [12, MessageType.GlobalBeginResult],
      ],
    )
  })
  test('of an older client are answered together, in order', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const [answer] = await askMerged(coordinator, '1.5.2', messages, 1)
    assert.equal(answer!.requestId, 5)
    assert.ok(answer!.message.type === MessageType.MergeResult)
    const names = answer!.message.messages.map((part) => {
      assert.ok(part.type === MessageType.GlobalBeginResult)
      return coordinator.server.state.transactions.get(part.xid)!.name
    })
    assert.deepEqual(names, ['first', 'second'])
  })
})

describe('limits', () => {
  test('a name that is too long does not begin', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const { resultCode, msg, exceptionCode, xid } = await (
      await coordinator.connect()
    ).askBegin(60_000, 'x'.repeat(2001))
    assert.deepEqual(
      [resultCode, exceptionCode, xid],
      [ResultCode.Failed, ExceptionCode.BeginFailed, ''],
    )
    assert.match(msg, /a name has 2001 characters; maxNameLength allows 2000/)
  })
  for (const timeoutMs of [0, -1, 24 * 3_600_000 + 1]) {
    test(`a timeout of ${timeoutMs} ms does not begin`, async () => {
      const coordinator = await startCoordinator(cleanUps)
      const { msg } = await (await coordinator.connect()).askBegin(timeoutMs)
      assert.match(msg, new RegExp(`a timeout of ${timeoutMs} ms is not within`))
    })
  }
  test('more active transactions than allowed do not begin', async () => {
    const coordinator = await startCoordinator(cleanUps, {
      limits: { maxActiveTransactions: 1 },
    })
    const manager = await coordinator.connect()
    const xid = await manager.begin()
    await assert.rejects(manager.begin(), /1 transactions are active, the limit/)
    await manager.commit(xid)
    await manager.begin()
  })
  test('applicationData that is too long is refused as a branch that was not stored', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const client = await coordinator.connect({ resourceIds: stockResource })
    const xid = await client.begin()
    const { msg, exceptionCode, branchId } = await client.askBranch(xid, 'stock:1', {
      applicationData: 'x'.repeat(64_001),
    })
    assert.equal(exceptionCode, ExceptionCode.FailedToAddBranch)
    assert.equal(Number(branchId), 0)
    assert.match(msg, /^TransactionException\[Failed to store branch xid = .* allows 64000\)\]$/)
  })
  test('a malformed lock key is refused, also while others wait for locks', async () => {
    const coordinator = await startCoordinator(cleanUps)
    const client = await coordinator.connect({ resourceIds: stockResource })
    const [holder, waiter, third] = [
      await client.begin(),
      await client.begin(),
      await client.begin(),
    ]
    await client.branch(holder, 'stock:1')
    const applicationData = '{"lockWaitMs":60000}'
    const waiting = client.askBranch(waiter, 'stock:1', { applicationData })
    await client.statusOf(waiter)
    assert.equal(coordinator.server.lockWaiterCount, 1)
    const { msg } = await client.askBranch(third, ':1', { applicationData })
    assert.match(msg, /without a table/)
    await client.commit(holder)
    assert.equal((await waiting).resultCode, ResultCode.Success)
  })
})

describe('exception codes', () => {
  for (const { version, ordinal } of [
    { version: '1.5.2', ordinal: 19 },
    { version: '2.0.0', ordinal: 20 },
  ]) {
    test(`LockKeyConflictFailFast is ${ordinal} for a client of ${version}`, async () => {
      const coordinator = await startCoordinator(cleanUps)
      const client = await coordinator.connect({ version, resourceIds: stockResource })
      client.react = () => 'silence'
      const [holder, other] = [await client.begin(), await client.begin()]
      await client.branch(holder, 'stock:1')
      void client.rollback(holder).catch(() => {})
      await client.until(() => client.orders.length === 1)
      const { exceptionCode } = await client.askBranch(other, 'stock:1', {
        applicationData: '{"autoCommit":false}',
      })
      assert.equal(exceptionCode, ordinal)
    })
  }
})

interface RawAnswer {
  readonly version: number
  readonly requestId: number
  readonly bodyBytes: number
  readonly message: Message
}

async function askRaw(
  coordinator: TestCoordinator,
  version: number,
  message: Message,
): Promise<RawAnswer> {
  const [answer] = await exchange(coordinator, [encode(version, 1, message)], 1)
  return answer!
}

async function askMerged(
  coordinator: TestCoordinator,
  clientVersion: string,
  messages: readonly RequestMessage[],
  answerCount: number,
): Promise<RawAnswer[]> {
  const registration = {
    type: MessageType.RegisterTM,
    ...identity,
    version: clientVersion,
  } as const
  const whole = { type: merged, messages, messageIds: [11, 12] } as const
  const frames = [encode(1, 1, registration), encode(1, 5, whole as never)]
  return (await exchange(coordinator, frames, 1 + answerCount)).slice(1)
}

function encode(
  version: number,
  requestId: number,
  message: Message,
  frameType: typeof FrameType.RequestSync | typeof FrameType.RequestOneway = FrameType.RequestSync,
): Buffer {
  const writer = new ByteWriter()
  encodeFrame(writer, { version, frameType, requestId, message })
  return writer.take()
}

/** Sends bytes as they are and reads `count` answers. */
async function exchange(
  coordinator: TestCoordinator,
  frames: readonly Buffer[],
  count: number,
): Promise<RawAnswer[]> {
  const socket = connect({ port: Number(coordinator.server.address.split(':')[1]) })
  cleanUps.push(() => socket.destroy())
  socket.write(Buffer.concat(frames))
  const answers: RawAnswer[] = []
  let bytes = Buffer.alloc(0)
  while (answers.length < count) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= 7 && bytes.length >= bytes.readUInt32BE(3)) {
      const size = bytes.readUInt32BE(3)
      const reader = new ByteReader()
      reader.load(bytes.subarray(0, size))
      const header = createFrameHeader()
      decodeFrameHeader(reader, header)
      const { version, requestId } = header
      const bodyBytes = reader.remaining
      answers.push({ version, requestId, bodyBytes, message: decodeMessage(reader, version) })
      bytes = bytes.subarray(size)
    }
  }
  return answers
}
