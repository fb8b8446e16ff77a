import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, BranchType, ExceptionCode } from '../protocol/status.ts'
import { findLockConflict, refusalOf } from './coordinator.ts'
import { refusalMessage } from './refusal.ts'
import { Scenario } from './test-fixtures.ts'

describe('a branch registration is refused', () => {
  it('when the transaction is unknown', () => {
    const { refusal } = new Scenario().tryRegister('h:1:9')
    assert.equal(refusal?.code, ExceptionCode.GlobalTransactionNotExist)
    assert.equal(
      refusalMessage(refusal),
      'TransactionException[Could not found global transaction xid = h:1:9, may be has finished.]',
    )
  })

  it('when it has finished, saying who ended it, when and why', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    scenario.now += 500
    scenario.rollback(xid, 'not enough money')
    scenario.now += 70
    const { refusal } = scenario.tryRegister(xid)
    assert.equal(refusal?.code, ExceptionCode.GlobalTransactionNotExist)
    assert.equal(
      refusal.text,
      `Could not found global transaction xid = ${xid}, may be has finished.`,
    )
    assert.match(
      refusal.explanation,
      /rolled it back 70 ms before this request and 500 ms after it began: not enough money;/,
    )
  })

  it('when its manager has ended it', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    scenario.register(xid)
    scenario.rollback(xid, 'no stock')
    const { refusal } = scenario.tryRegister(xid)
    assert.equal(refusal?.code, ExceptionCode.GlobalTransactionNotActive)
    assert.equal(
      refusal.text,
      `Could not register branch into global session xid = ${xid} status = Rollbacking, ` +
        'cause by globalSession not active',
    )
    assert.match(refusal.explanation, /no stock/)
    assert.match(
      scenario.trace(xid).at(-1)!,
      /^branchRefused: shop:127.0.0.1:5000, db: Could not register/,
    )
  })

  it('when it timed out', () => {
    const scenario = new Scenario()
    const xid = scenario.begin('slow', 1000)
    scenario.register(xid)
    scenario.now += 1001
    scenario.timeOut(xid)
    scenario.now += 9
    const { refusal } = scenario.tryRegister(xid)
    assert.equal(refusal?.code, ExceptionCode.GlobalTransactionStatusInvalid)
    assert.equal(
      refusal.text,
      `Could not register branch into global session xid = ${xid} ` +
        'status = TimeoutRollbacking while expecting Begin',
    )
    assert.match(refusal.explanation, /because of its timeout of 1000 ms 9 ms before this request/)
  })

  it('when another transaction holds a row, naming the holder', () => {
    const scenario = new Scenario()
    const holder = scenario.begin('transfer')
    const applicationData = '{"statement":"UPDATE account SET money = ?"}'
    const clientId = 'account:10.0.0.7:5000'
    const held = scenario.register(holder, { lockKeys: 'account:7', clientId, applicationData })
    const xid = scenario.begin()
    scenario.now += 42
    const { refusal, branchId } = scenario.tryRegister(xid, { lockKeys: 'stock:1;account:3,7' })
    assert.equal(refusal?.code, ExceptionCode.LockKeyConflict)
    assert.equal(refusal.text, `Global lock acquire failed xid = ${xid} branchId = ${branchId}`)
    assert.equal(
      refusal.explanation,
      `row account:7 of db is held by xid = ${holder} branchId = ${held} ` +
        '(transaction transfer of shop), locked by account with "UPDATE account SET money = ?", ' +
        'for 42 ms',
    )
    assert.equal(scenario.state.locks.size, 1, 'a refusal locks nothing')
  })

  for (const [name, fields, code] of [
    ['holding row locks', '{"autoCommit":false}', ExceptionCode.LockKeyConflictFailFast],
    ['without row locks', '{"autoCommit":true}', ExceptionCode.LockKeyConflict],
    ['saying nothing', '', ExceptionCode.LockKeyConflict],
    ['with bad JSON', '{"autoCommit":false', ExceptionCode.LockKeyConflict],
  ] as const) {
    it(`when the holder is rolling back, for a requester ${name}`, () => {
      const scenario = new Scenario()
      const holder = scenario.begin()
      scenario.register(holder, { lockKeys: 't:1' })
      scenario.rollback(holder)
      const xid = scenario.begin()
      const { refusal } = scenario.tryRegister(xid, { lockKeys: 't:1', applicationData: fields })
      assert.equal(refusal?.code, code)
      assert.match(refusal.explanation, /which is rolling back/)
    })
  }

  it('also when it claims that checking is not needed', () => {
    const scenario = new Scenario()
    scenario.register(scenario.begin(), { lockKeys: 't:1' })
    const applicationData = '{"skipCheckLock":true}'
    const { refusal } = scenario.tryRegister(scenario.begin(), { lockKeys: 't:1', applicationData })
    assert.equal(refusal?.code, ExceptionCode.LockKeyConflict)
  })

  it('when a limit is exceeded, naming the limit', () => {
    const scenario = new Scenario({
      maxBranchesPerTransaction: 1,
      maxLockKeysPerBranch: 2,
      maxApplicationDataLength: 10,
      maxNameLength: 20,
    })
    const xid = scenario.begin()
    const cases = [
      [{ applicationData: 'x'.repeat(11) }, /maxApplicationDataLength allows 10/],
      [{ resourceId: 'r'.repeat(21) }, /maxNameLength allows 20/],
      [{ lockKeys: 't:1,2,3' }, /too many rows/],
      [{ lockKeys: 'nonsense' }, /without a table/],
    ] as const
    for (const [fields, explanation] of cases) {
      const { refusal } = scenario.tryRegister(xid, fields)
      assert.equal(refusal?.code, ExceptionCode.FailedToAddBranch)
      assert.match(refusal.explanation, explanation)
    }
    scenario.register(xid)
    assert.match(scenario.tryRegister(xid).refusal!.explanation, /maxBranchesPerTransaction/)
  })

  it('without the journal too, by the same words', () => {
    const scenario = new Scenario()
    scenario.register(scenario.begin(), { lockKeys: 't:1' })
    const { refusal } = scenario.tryRegister(scenario.begin(), { lockKeys: 't:1' })
    assert.deepEqual(refusalOf(scenario.state, scenario.commands.at(-1)!), refusal)
  })
})

describe('begin is refused', () => {
  const cases = [
    ['too many are active', { maxActiveTransactions: 0 }, 'a', 1000, /maxActiveTransactions/],
    ['a name is too long', { maxNameLength: 4 }, 'abcde', 1000, /maxNameLength/],
    ['the timeout is 0', {}, 'a', 0, /timeout of 0 ms/],
    ['the timeout is too long', { maxTimeoutMs: 5 }, 'a', 6, /within 1 to 5 ms/],
  ] as const
  for (const [name, limits, transactionName, timeoutMs, why] of cases) {
    it(`when ${name}`, () => {
      const scenario = new Scenario(limits)
      assert.throws(() => scenario.begin(transactionName, timeoutMs), why)
      assert.equal(scenario.state.transactions.size, 0)
    })
  }
})

describe('reports', () => {
  it('of an unknown branch are refused with the original text', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const { refusal } = scenario.report(xid, 99, BranchStatus.PhaseOne_Done)
    assert.equal(refusal?.code, ExceptionCode.BranchTransactionNotExist)
    assert.equal(refusal.text, `Could not found branch session xid = ${xid} branchId = 99`)
  })

  it('replace the application data when they bring some', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    const branchId = scenario.register(xid, { type: BranchType.TCC, applicationData: '{"a":1}' })
    const report = { kind: 'reportBranch', xid, branchId, status: 1, now: scenario.now } as const
    scenario.apply({ ...report, applicationData: '' })
    assert.equal(scenario.transaction(xid).branches[0]?.applicationData, '{"a":1}')
    scenario.apply({ ...report, applicationData: '{"a":2}' })
    assert.equal(scenario.transaction(xid).branches[0]?.applicationData, '{"a":2}')
  })
})

describe('locks', () => {
  it('are re-entrant, and a query sees only those of others', () => {
    const scenario = new Scenario()
    const xid = scenario.begin()
    scenario.register(xid, { lockKeys: 't:1' })
    scenario.register(xid, { lockKeys: 't:1,1' })
    assert.equal(scenario.state.locks.size, 1)
    const query = { xid, resourceId: 'db', lockKeys: 't:1' }
    assert.equal(findLockConflict(scenario.state, query), null)
    const other = findLockConflict(scenario.state, { ...query, xid: 'h:1:99' })
    assert.equal(other?.lock.xid, xid)
    const elsewhere = { ...query, xid: 'h:1:99', resourceId: 'other db' }
    assert.equal(findLockConflict(scenario.state, elsewhere), null)
  })

  it('may have names of any length and any characters', () => {
    const scenario = new Scenario()
    const lockKeys = `__proto__:${'9'.repeat(5000)};constructor:^^^`
    scenario.register(scenario.begin(), { lockKeys })
    assert.equal(scenario.state.locks.size, 2)
    const { refusal } = scenario.tryRegister(scenario.begin(), { lockKeys })
    assert.equal(refusal?.code, ExceptionCode.LockKeyConflict)
  })

  it('are taken by AT branches only', () => {
    const scenario = new Scenario()
    scenario.register(scenario.begin(), { type: BranchType.XA, lockKeys: 't:1' })
    assert.equal(scenario.state.locks.size, 0)
  })
})
