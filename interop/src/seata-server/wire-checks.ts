/** What applications do not ask by our client: other branch types, sagas, merged requests. */
import assert from 'node:assert/strict'
import {
  BranchStatus,
  BranchType,
  ExceptionCode,
  GlobalStatus,
  MessageType,
  nameOf,
  ResultCode,
  type BranchCommitRequest,
  type BranchRollbackRequest,
  type Message,
  type RequestMessage,
  type ResponseMessage,
} from '@settee/tx/protocol'
import type { Long } from '@settee/wire'
import { eventually, type CheckGroup } from '../harness-report.ts'
import type { ServerScene } from './scene.ts'
import { seataServerVersion } from './seata-server.ts'
import { connectWireClient, exchangeFrames, type WireClient } from './wire-client.ts'

const resourceId = 'settee-wire'
const identity = {
  version: '2.6.0',
  applicationId: 'settee-wire',
  transactionServiceGroup: 'default_tx_group',
  extraData: '',
}
/** Seata asks for the end of a saga by this. */
const sagaResourceId = `${identity.applicationId}#${identity.transactionServiceGroup}`

interface Peers {
  readonly manager: WireClient
  readonly resources: WireClient
  /** Phase two as it came. */
  readonly ends: (BranchCommitRequest | BranchRollbackRequest)[]
}

export async function checkWire(group: CheckGroup, scene: ServerScene): Promise<void> {
  const { address } = scene.tap
  const ends: Peers['ends'] = []
  const manager = await connectWireClient(address, { type: MessageType.RegisterTM, ...identity })
  const resources = await connectWireClient(
    address,
    { type: MessageType.RegisterRM, ...identity, resourceIds: `${resourceId},${sagaResourceId}` },
    (message, answer) => answerPhaseTwo(message, answer, ends),
  )
  const peers = { manager, resources, ends }
  try {
    await group.check('registrations are answered with the version', async () => {
      for (const { registered } of [manager, resources]) {
        const { identified, version } = registered as { identified: boolean; version: string }
        assert.deepEqual([identified, version], [true, seataServerVersion])
      }
    })
    await checkBranchTypes(group, peers)
    await checkSaga(group, peers)
    await checkRefusals(group, peers)
    await checkMerged(group, scene)
    await group.check('every frame of the server is read and written alike', async () => {
      assert.deepEqual(scene.tap.faults, [])
      return `${scene.tap.frames.length} frames`
    })
  } finally {
    manager.close()
    resources.close()
  }
}

function answerPhaseTwo(
  message: RequestMessage,
  answer: (message: ResponseMessage) => void,
  ends: Peers['ends'],
): void {
  if (message.type !== MessageType.BranchCommit && message.type !== MessageType.BranchRollback) {
    return
  }
  ends.push(message)
  const isCommit = message.type === MessageType.BranchCommit
  answer({
    type: isCommit ? MessageType.BranchCommitResult : MessageType.BranchRollbackResult,
    resultCode: ResultCode.Success,
    msg: '',
    exceptionCode: ExceptionCode.Unknown,
    xid: message.xid,
    branchId: message.branchId,
    branchStatus: isCommit ? BranchStatus.PhaseTwo_Committed : BranchStatus.PhaseTwo_Rollbacked,
  })
}

async function begin({ manager }: Peers): Promise<string> {
  const answer = await manager.call({
    type: MessageType.GlobalBegin,
    timeoutMs: 60_000,
    transactionName: 'wire é 中',
  })
  assert.equal(answer.resultCode, ResultCode.Success)
  return answer.xid
}

async function checkBranchTypes(group: CheckGroup, peers: Peers): Promise<void> {
  for (const branchType of [BranchType.TCC, BranchType.SAGA, BranchType.XA]) {
    for (const type of [MessageType.GlobalCommit, MessageType.GlobalRollback] as const) {
      const how = type === MessageType.GlobalCommit ? 'committed' : 'rolled back'
      await group.check(`a ${nameOf(BranchType, branchType)} branch is ${how}`, async () => {
        const { manager, ends } = peers
        ends.length = 0
        const xid = await begin(peers)
        const branch = await addBranch(peers, xid, branchType)
        const ended = await manager.callAny({ type, xid, extraData: '' })
        await eventually('phase two', () => ends.length > 0)
        const [end] = ends
        const isCommit = type === MessageType.GlobalCommit
        assert.equal(end!.type, isCommit ? MessageType.BranchCommit : MessageType.BranchRollback)
        assert.deepEqual([end!.xid, end!.branchType], [xid, branchType])
        if (branchType !== BranchType.SAGA) {
          assert.equal(String(end!.branchId), String(branch.branchId))
          assert.equal(end!.applicationData, branch.applicationData)
        }
        const { globalStatus } = ended as { globalStatus: GlobalStatus }
        assert.equal(globalStatus, isCommit ? GlobalStatus.Committed : GlobalStatus.Rollbacked)
      })
    }
  }
}

/** Registers a branch and reports that its phase one is done. */
async function addBranch(
  { resources }: Peers,
  xid: string,
  branchType: BranchType,
): Promise<{ branchId: Long; applicationData: string }> {
  const of = branchType === BranchType.SAGA ? sagaResourceId : resourceId
  const applicationData = JSON.stringify({ actionContext: { text: 'é 中', size: 1 } })
  const branch = await resources.call({
    type: MessageType.BranchRegister,
    xid,
    branchType,
    resourceId: of,
    lockKey: '',
    applicationData,
  })
  assert.equal(branch.resultCode, ResultCode.Success, branch.msg)
  const { branchId } = branch
  const report = await resources.call({
    type: MessageType.BranchReport,
    xid,
    branchId,
    branchStatus: BranchStatus.PhaseOne_Done,
    resourceId: of,
    applicationData,
    branchType,
  })
  assert.equal(report.resultCode, ResultCode.Success, report.msg)
  return { branchId, applicationData }
}

async function checkSaga(group: CheckGroup, peers: Peers): Promise<void> {
  for (const wanted of [GlobalStatus.Committed, GlobalStatus.Rollbacked]) {
    const name = nameOf(GlobalStatus, wanted)
    await group.check(`a GlobalReport of ${name} ends a saga`, async () => {
      const xid = await begin(peers)
      await addBranch(peers, xid, BranchType.SAGA)
      const answer = await peers.manager.callAny({
        type: MessageType.GlobalReport,
        xid,
        extraData: '',
        globalStatus: wanted,
      })
      assert.equal(answer.resultCode, ResultCode.Success)
      assert.equal((answer as { globalStatus: GlobalStatus }).globalStatus, wanted)
      const { globalStatus } = await peers.manager.call({
        type: MessageType.GlobalStatus,
        xid,
        extraData: '',
      })
      return `then ${nameOf(GlobalStatus, globalStatus)}`
    })
  }
}

async function checkRefusals(group: CheckGroup, peers: Peers): Promise<void> {
  await group.check('a branch of an unknown transaction is refused by name', async () => {
    const answer = await peers.resources.call({
      type: MessageType.BranchRegister,
      xid: '127.0.0.1:8091:1',
      branchType: BranchType.AT,
      resourceId,
      lockKey: 'account:1',
      applicationData: '',
    })
    assert.equal(answer.resultCode, ResultCode.Failed)
    assert.equal(answer.exceptionCode, ExceptionCode.GlobalTransactionNotExist)
    return answer.msg
  })
  await group.check('the status of an unknown transaction is Finished', async () => {
    for (const type of [
      MessageType.GlobalStatus,
      MessageType.GlobalCommit,
      MessageType.GlobalRollback,
    ] as const) {
      const answer = await peers.manager.callAny({ type, xid: '127.0.0.1:8091:1', extraData: '' })
      assert.equal((answer as { globalStatus: GlobalStatus }).globalStatus, GlobalStatus.Finished)
    }
  })
}

/** The form of the answer depends on the version that the client registered with. */
async function checkMerged(group: CheckGroup, { tap }: ServerScene): Promise<void> {
  for (const version of ['1.4.2', '1.5.2', '2.0.0', '2.6.0']) {
    await group.check(`merged requests of a ${version} client are all answered`, async () => {
      const messages = Array.from(
        { length: 3 },
        (_, i) =>
          ({ type: MessageType.GlobalBegin, timeoutMs: 60_000, transactionName: `m${i}` }) as const,
      )
      const messageIds = version === '1.4.2' ? [] : [11, 12, 13]
      const answers = await exchangeFrames(
        tap.address,
        [
          { requestId: 1, message: { type: MessageType.RegisterTM, ...identity, version } },
          { requestId: 10, message: { type: MessageType.MergedWarp, messages, messageIds } },
        ],
        2,
      )
      const merged = answers[1]!
      const parts = partsOf(merged.message)
      assert.equal(parts.length, 3)
      for (const part of parts) assert.equal(part.type, MessageType.GlobalBeginResult)
      return `${nameOf(MessageType, merged.message.type)} with id ${merged.requestId}`
    })
  }
}

function partsOf(message: Message): readonly Message[] {
  const isMerged =
    message.type === MessageType.MergeResult || message.type === MessageType.BatchResult
  return isMerged ? message.messages : [message]
}
