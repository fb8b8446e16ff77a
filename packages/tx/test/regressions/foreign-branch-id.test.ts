/** Ids of a Java coordinator need 63 bits; a client that had one before may still report them. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  BranchStatus,
  BranchType,
  ExceptionCode,
  MessageType,
  ResultCode,
} from '../../src/protocol/index.ts'
import { cleanUpAll, startCoordinator, stockResource } from '../../src/server/test-clients.ts'
import type { CleanUps } from '../../src/server/test-clients.ts'

const cleanUps: CleanUps = []
after(() => cleanUpAll(cleanUps))

test('a report of a branch id of 63 bits is refused, and the connection stays', async () => {
  const coordinator = await startCoordinator(cleanUps)
  const resource = await coordinator.connect({ resourceIds: stockResource })
  const xid = await resource.begin()
  const answer = await resource.ask({
    type: MessageType.BranchReport,
    xid,
    branchId: 2n ** 60n,
    branchStatus: BranchStatus.PhaseOne_Failed,
    resourceId: stockResource,
    applicationData: '',
    branchType: BranchType.AT,
  })
  assert.equal(answer.resultCode, ResultCode.Failed)
  assert.equal((answer as never)['exceptionCode'], ExceptionCode.BranchTransactionNotExist)
})
