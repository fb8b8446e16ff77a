/** Bugs in what gives and takes row locks. */
import { brokenLocks, core, type Mutant } from './mutant.ts'

export const lockMutants: readonly Mutant[] = [
  {
    name: 'locks-go-before-rollback',
    story: 'the rows become free when the rollback begins, not when it has ended',
    patches: [
      {
        path: `${core}/ending.ts`,
        from: `  if (locks.length > 0) step.effects.push({ kind: 'holderRollsBack', locks })`,
        to: `  state.locks.release(locks)
  for (const branch of transaction.branches) branch.locks = []
  if (locks.length > 0) step.effects.push({ kind: 'locksReleased', locks })`,
      },
    ],
    caughtBy: brokenLocks,
  },
  {
    name: 'locks-are-not-checked',
    story: 'a branch registers although another transaction holds its rows',
    patches: [
      {
        path: `${core}/registration.ts`,
        from: `    return refusalOfLocks(state, command, rows) ?? rows`,
        to: `    return rows`,
      },
    ],
    caughtBy: [...brokenLocks, 'no lock outlives its transaction', 'locks belong to branches'],
  },
  {
    name: 'second-branch-owns-the-lock',
    story: 'a row locked twice by one transaction goes with its second branch, not with its first',
    patches: [
      {
        path: `${core}/lock-table.ts`,
        from: `        if (this.get(resourceId, table, key) !== undefined) continue
`,
        to: ``,
      },
    ],
    caughtBy: [...brokenLocks, 'locks belong to branches'],
  },
  {
    name: 'commit-keeps-locks',
    story: 'a commit keeps its rows locked until phase two is through',
    patches: [
      {
        path: `${core}/settle.ts`,
        from: `  if (isCommitting(status)) releaseLocks(state, transaction.branches, step)`,
        to: ``,
      },
    ],
    caughtBy: ['a commit frees its rows'],
  },
  {
    name: 'locks-stay-for-ever',
    story: 'a transaction that has ended keeps its rows locked',
    patches: [
      {
        path: `${core}/settle.ts`,
        from: `  state.locks.release(released)`,
        to: ``,
      },
    ],
    caughtBy: [
      'a commit frees its rows',
      'no lock outlives its transaction',
      'locks belong to branches',
    ],
  },
  {
    name: 'waiters-are-lost',
    story: 'nobody is woken when a row becomes free',
    patches: [
      {
        path: `${core}/registrar.ts`,
        from: `(effect.kind === 'locksReleased') this.#tryAll(this.#queue.wake(effect.locks))
      else if`,
        to: ``,
      },
    ],
    caughtBy: ['nobody waits beside a free row', 'first come, first served'],
  },
  {
    name: 'woken-waiter-gets-no-answer',
    story: 'a waiter that was woken and got its row is never told so',
    patches: [
      {
        path: `${core}/registrar.ts`,
        from: `      reply(refusal, error, branchId)
      if (this`,
        to: `      if (waiter === null) reply(refusal, error, branchId)
      if (this`,
      },
    ],
    caughtBy: ['every request is answered', 'nobody waits beside a free row'],
  },
  {
    name: 'last-come-first-served',
    story: 'a row that becomes free goes to whoever asked for it last',
    patches: [
      {
        path: `${core}/lock-queue.ts`,
        from: `    for (const waiter of queue) {
      const own`,
        to: `    for (const waiter of [...queue].toReversed()) {
      const own`,
      },
    ],
    caughtBy: ['first come, first served'],
  },
  {
    name: 'deadlock-is-not-found',
    story: 'transactions that wait for each other do so until their time is up',
    patches: [
      {
        path: `${core}/deadlock.ts`,
        from: `  if (!isAwaited(state, queue, xid)) return null`,
        to: `  return null`,
      },
    ],
    caughtBy: ['no deadlock lasts'],
  },
]
