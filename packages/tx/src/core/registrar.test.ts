import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BranchStatus, ExceptionCode } from '../protocol/status.ts'
import { LockScene } from './test-lock-waits.ts'

function begin(scene: LockScene, ...names: string[]): string[] {
  return names.map((name) => scene.scenario.begin(name))
}

describe('registrations that wait for rows', () => {
  it('get a row in the order of arrival', () => {
    const scene = new LockScene()
    const [holder, ...others] = begin(scene, 'holder', 'a', 'b', 'c') as [string, ...string[]]
    scene.ask('holder', holder, '1')
    for (const [i, xid] of others.entries()) scene.ask(`w${i}`, xid, '1')
    scene.end(holder)
    for (const [i, xid] of others.entries()) {
      assert.equal(scene.answer(`w${i}`), 'granted')
      assert.equal(scene.registrar.waiterCount, others.length - i - 1)
      scene.end(xid)
    }
  })

  it('take all their rows or none, in whichever order they name them', () => {
    const scene = new LockScene()
    const [holder, one, other] = begin(scene, 'holder', 'one', 'other') as [string, string, string]
    scene.ask('holder', holder, '1,2')
    scene.ask('one', one, '1,2')
    scene.ask('other', other, '2,1')
    scene.end(holder)
    assert.deepEqual([scene.answer('one'), scene.answer('other')], ['granted', 'waits'])
    scene.end(one)
    assert.equal(scene.answer('other'), 'granted')
  })

  it('are not overtaken for ever at a row while another row is held', () => {
    const scene = new LockScene({ maxOvertakes: 3 })
    const [holder, waiter] = begin(scene, 'holder', 'waiter') as [string, string]
    scene.ask('holder', holder, 'b')
    scene.ask('waiter', waiter, 'a,b', { waitMs: 60_000 })
    for (let i = 0; i < 3; i++) {
      const [later] = begin(scene, 'later') as [string]
      scene.ask(`later ${i}`, later, 'a', { waitMs: i % 2 === 0 ? 0 : 1000 })
      assert.equal(scene.answer(`later ${i}`), 'granted')
      scene.end(later)
    }
    const [fourth, poller] = begin(scene, 'fourth', 'poller') as [string, string]
    scene.ask('fourth', fourth, 'a')
    assert.equal(scene.answer('fourth'), 'waits')
    scene.scenario.now += 40
    scene.ask('poller', poller, 'a', { waitMs: 0 })
    assert.equal(
      scene.answer('poller'),
      `${ExceptionCode.LockKeyConflict}: row t:a of db is next for xid = ${waiter} ` +
        '(transaction waiter of shop), which has waited 40 ms',
    )
    scene.end(holder)
    assert.deepEqual([scene.answer('waiter'), scene.answer('fourth')], ['granted', 'waits'])
    scene.end(waiter)
    assert.equal(scene.answer('fourth'), 'granted')
  })

  it('do not keep rows while they wait for a transaction that needs a person', () => {
    const scene = new LockScene({ maxOvertakes: 0 })
    const [failed, waiter, later] = begin(scene, 'failed', 'waiter', 'later') as string[]
    scene.ask('failed', failed!, 'b')
    scene.ask('waiter', waiter!, 'a,b', { waitMs: 60_000 })
    scene.ask('later', later!, 'a')
    assert.equal(scene.answer('later'), 'waits')
    scene.take(scene.scenario.rollback(failed!))
    const { branchId } = scene.scenario.transaction(failed!).branches[0]!
    const status = BranchStatus.PhaseTwo_RollbackFailed_Unretryable
    scene.take(scene.scenario.end(failed!, branchId, status))
    scene.apply()
    assert.deepEqual([scene.answer('waiter'), scene.answer('later')], ['waits', 'granted'])
  })

  it('are refused at once when their own transaction ends', () => {
    const scene = new LockScene()
    const [holder, waiter] = begin(scene, 'holder', 'waiter') as [string, string]
    scene.ask('holder', holder, '1')
    scene.ask('waiter', waiter, '1')
    scene.end(waiter, 'rollback')
    assert.match(scene.answer('waiter'), /^10: the transaction manager shop rolled it back/)
    const [another] = begin(scene, 'another') as [string]
    scene.ask('its first branch', another, '2')
    scene.ask('another', another, '1')
    scene.end(another, 'rollback')
    assert.equal(scene.scenario.status(another), 'Rollbacking')
    assert.match(scene.answer('another'), /^11: the transaction manager shop rolled it back/)
    assert.equal(scene.registrar.waiterCount, 0)
  })

  it('are limited for each transaction and for all', () => {
    const limits = { maxWaiters: 3, maxWaitersPerTransaction: 2, maxWaitingRows: 4 }
    const scene = new LockScene(limits)
    const [holder, a, b] = begin(scene, 'holder', 'a', 'b') as [string, string, string]
    scene.ask('holder', holder, '1,2,3')
    for (const name of ['a1', 'a2', 'a3']) scene.ask(name, a, '1')
    scene.ask('b1', b, '1,2,3')
    scene.ask('b2', b, '1')
    scene.ask('b3', b, '1')
    const waiting = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'].filter((name) => !scene.answers.has(name))
    assert.deepEqual(waiting, ['a1', 'a2', 'b2'])
  })
})

describe('a deadlock of transactions', () => {
  for (const [name, youngerCloses] of [
    ['the younger closes', true],
    ['the older closes', false],
  ] as const) {
    it(`that ${name} ends at once by a refusal of the younger, naming both`, () => {
      const scene = new LockScene()
      const [older, younger] = begin(scene, 'older', 'younger') as [string, string]
      scene.ask('older 1', older, '1')
      scene.ask('younger 2', younger, '2')
      const asks = [
        () => scene.ask('older', older, '2'),
        () => scene.ask('younger', younger, '1'),
      ] as const
      for (const ask of youngerCloses ? asks : asks.toReversed()) ask()
      assert.equal(scene.answer('older'), 'waits')
      const refusal = scene.answers.get('younger')
      assert.ok(typeof refusal === 'object')
      assert.equal(refusal.code, ExceptionCode.LockKeyConflictFailFast)
      assert.match(refusal.text, new RegExp(`^Global lock acquire failed xid = ${younger} branch`))
      const waits = (xid: string, what: string, key: string, holder: string): string =>
        `xid = ${xid} (transaction ${what} of shop) waits for row t:${key} of db, ` +
        `held by xid = ${holder}`
      assert.match(refusal.explanation, /^deadlock: /)
      assert.ok(refusal.explanation.includes(waits(older, 'older', '2', younger)))
      assert.ok(refusal.explanation.includes(waits(younger, 'younger', '1', older)))
      scene.end(younger, 'rollback')
      assert.equal(scene.scenario.status(younger), 'Rollbacking')
    })
  }

  it('is found through three of them, and through several branches of one', () => {
    const scene = new LockScene()
    const [a, b, c] = begin(scene, 'a', 'b', 'c') as [string, string, string]
    scene.ask('a', a, '1')
    scene.ask('b', b, '2')
    scene.ask('c', c, '3')
    scene.ask('a waits', a, '2')
    scene.ask('b waits for none of them', b, '9')
    scene.ask('b waits', b, '3')
    scene.ask('c waits', c, '1')
    assert.deepEqual(
      ['a waits', 'b waits'].map((name) => scene.answer(name)),
      ['waits', 'waits'],
    )
    assert.match(scene.answer('c waits'), /deadlock: .*transaction a .*transaction b .*xid = /)
  })

  it('is none when it only goes through a place in a queue: who is waited for may pass', () => {
    const scene = new LockScene({ maxOvertakes: 0 })
    const [holder, waiter] = begin(scene, 'holder', 'waiter') as [string, string]
    scene.ask('holder', holder, 'a')
    scene.ask('waiter', waiter, 'a,b')
    scene.ask('holder again', holder, 'b')
    assert.deepEqual([scene.answer('holder again'), scene.answer('waiter')], ['granted', 'waits'])
    scene.end(holder)
    assert.equal(scene.answer('waiter'), 'granted')
  })
})
