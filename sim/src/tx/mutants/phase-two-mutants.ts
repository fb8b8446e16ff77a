/** Bugs in how transactions end. */
import { brokenLocks, core, mixedOutcome, server, type Mutant } from './mutant.ts'

export const phaseTwoMutants: readonly Mutant[] = [
  {
    name: 'rollback-goes-forward',
    story: 'branches are rolled back from the first to the last',
    patches: [
      {
        path: `${core}/phase-two.ts`,
        from: `  const last = branches.findLast(needsPhaseTwo)`,
        to: `  const last = branches.find(needsPhaseTwo)`,
      },
    ],
    caughtBy: ['no dirty rows at rollback', 'no dirty write'],
  },
  {
    name: 'silent-branches-are-skipped',
    story: 'a branch that has reported nothing counts as one that failed in phase one',
    patches: [
      {
        path: `${core}/transaction.ts`,
        from: `(branch.isEnded || branch.status === BranchStatus.PhaseOne_Failed) return false`,
        to: `(branch.isEnded || branch.status === BranchStatus.PhaseOne_Failed) return false
  if (branch.status === BranchStatus.Registered) return false`,
      },
    ],
    caughtBy: [...mixedOutcome, ...brokenLocks],
  },
  {
    name: 'last-branch-is-skipped',
    story: 'a transaction is over when one branch is left',
    patches: [
      {
        path: `${core}/settle.ts`,
        from: `  if (transaction.sagaCall === null && transaction.openCount === 0) {`,
        to: `  if (transaction.sagaCall === null && transaction.openCount <= 1) {`,
      },
    ],
    caughtBy: [...mixedOutcome, ...brokenLocks],
  },
  {
    name: 'branch-is-registered-twice',
    story: 'one registration makes two branches of the same id',
    patches: [
      {
        path: `${core}/registration.ts`,
        from: `  transaction.openCount++
`,
        to: `  transaction.openCount += 2
  transaction.branches.push(transaction.branches.at(-1)!)
`,
      },
    ],
    caughtBy: ['everything ends', 'a branch ends once', 'locks belong to branches'],
  },
  {
    name: 'no-answer-is-a-yes',
    story: 'a branch whose resource manager cannot be reached counts as ended',
    patches: [
      {
        path: `${core}/phase-two.ts`,
        from: `      ? BranchStatus.PhaseTwo_CommitFailed_Retryable
      : BranchStatus.PhaseTwo_RollbackFailed_Retryable`,
        to: `      ? BranchStatus.PhaseTwo_Committed
      : BranchStatus.PhaseTwo_Rollbacked`,
      },
    ],
    caughtBy: [...mixedOutcome, ...brokenLocks],
  },
  {
    name: 'retries-never-end',
    story: 'a branch that has failed once is tried for ever, whatever it answers',
    patches: [
      {
        path: `${core}/outcomes.ts`,
        from: `  if (outcome.status === wanted || isForgottenByXa`,
        to: `  if ((outcome.status === wanted && branch.failureCount === 0) || isForgottenByXa`,
      },
    ],
    caughtBy: ['a breaker closes', 'everything ends'],
  },
  {
    name: 'outcomes-are-lost',
    story: 'of outcomes that arrive together only the first is kept',
    patches: [
      {
        path: `${server}/coordinator.ts`,
        from: `    const outcomes = this.#outcomes.splice(0, maxOutcomesPerCommand)`,
        to: `    const outcomes = this.#outcomes.splice(0, maxOutcomesPerCommand).slice(0, 1)`,
      },
    ],
    caughtBy: ['everything ends'],
  },
  {
    name: 'rolls-back-what-commits',
    story: 'a timeout is not stopped by the commit',
    patches: [
      {
        path: `${core}/transaction.ts`,
        from: `transaction.status === GlobalStatus.Begin &&`,
        to: `(transaction.status === GlobalStatus.Begin || isCommitting(transaction.status)) &&`,
      },
      {
        path: `${core}/phase-two.ts`,
        from: `    this.#timeouts.delete(xid)
    this.#ready.add(xid)`,
        to: `    this.#ready.add(xid)`,
      },
    ],
    caughtBy: ['a decision stands', 'told is what happens', 'phase two follows the decision'],
  },
  {
    name: 'breaker-never-closes',
    story: 'a resource that was broken once is asked by one branch at a time for ever',
    patches: [
      {
        path: `${core}/resource-gate.ts`,
        from: `    if (isOk) {`,
        to: `    if (isOk && gate.openSince === null) {`,
      },
    ],
    caughtBy: ['a breaker closes', 'everything ends'],
  },
  {
    name: 'broken-resource-is-never-asked',
    story: 'nobody asks a resource again that has failed for all',
    patches: [
      {
        path: `${core}/resource-gate.ts`,
        from: `    this.#due.set(gate, gate.askedAgainAt)`,
        to: ``,
      },
    ],
    caughtBy: ['a breaker closes', 'everything ends'],
  },
  {
    name: 'xa-that-is-unknown-has-ended',
    story: 'an XA branch that its database does not know yet counts as rolled back at once',
    patches: [
      {
        path: `${core}/outcomes.ts`,
        from: `    now - beganAt > patienceMs`,
        to: `    now - beganAt > patienceMs * 0`,
      },
    ],
    caughtBy: ['every branch ends', 'all or nothing', 'money is conserved'],
  },
]
