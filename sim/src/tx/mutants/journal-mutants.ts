/** Bugs in what is durable and in time: journal, snapshots, clocks. */
import { core, server, type Mutant } from './mutant.ts'

export const journalMutants: readonly Mutant[] = [
  {
    name: 'answer-before-flush',
    story: 'the replica applies and answers what is appended and not flushed',
    patches: [
      {
        path: 'packages/journal/src/replica.ts',
        from: `    this.#pending.push({ index, command, done })`,
        to: `    this.#applyAndAnswer({ index, command, done })`,
      },
    ],
    caughtBy: ['nothing durable is lost', 'a decision stands', 'acknowledged is kept'],
  },
  {
    name: 'timeout-is-not-journaled',
    story: 'the timeout of a transaction changes the state without a record',
    patches: [
      {
        path: `${server}/coordinator.ts`,
        from: `    this.#propose({ kind: 'timeOut', xid, now }, (error) => {`,
        to: `    this.#carryOut(this.#machine.apply({ kind: 'timeOut', xid, now }, 0).effects)
    this.#propose({ kind: 'timeOut', xid, now }, (error) => {`,
      },
    ],
    caughtBy: [
      'acknowledged is kept',
      'replay gives the same state',
      'a decision stands',
      'nothing durable is lost',
    ],
  },
  {
    name: 'snapshot-misses-the-ending',
    story: 'a snapshot does not say who ended a transaction',
    patches: [
      {
        path: `${core}/snapshot.ts`,
        from: `{ ...transaction, branches: branches.length }`,
        to: `{ ...transaction, ending: null, branches: branches.length }`,
      },
    ],
    caughtBy: ['a snapshot holds the state', 'replay gives the same state'],
  },
  {
    name: 'snapshot-misses-the-locks',
    story: 'locks are not put back from a snapshot',
    patches: [
      {
        path: `${core}/snapshot.ts`,
        from: `      for (const lock of branch.locks) state.locks.insert(lock)`,
        to: ``,
      },
    ],
    caughtBy: ['a snapshot holds the state', 'replay gives the same state'],
  },
  {
    name: 'record-misses-the-reason',
    story: 'the record of a rollback does not hold its reason',
    patches: [
      {
        path: `${core}/command-codec.ts`,
        from: `{ kind: 'rollback', xid, reason: readText(reader), now }`,
        to: `{ kind: 'rollback', xid, reason: readText(reader).slice(0, 3), now }`,
      },
    ],
    caughtBy: ['replay gives the same state', 'a snapshot holds the state'],
  },

  {
    name: 'timers-are-not-restored',
    story: 'after a restart nobody looks at the timeouts of what had begun before',
    patches: [
      {
        path: `${core}/phase-two.ts`,
        from: `    for (const { xid, timesOutAt } of timeouts) this.#timeouts.set(xid, timesOutAt)`,
        to: ``,
      },
    ],
    caughtBy: ['everything ends'],
  },
  {
    name: 'commit-after-timeout',
    story: 'a transaction may commit until twice its timeout is over',
    patches: [
      {
        path: `${core}/transaction.ts`,
        from: `now - transaction.beganAt > transaction.timeoutMs`,
        to: `now - transaction.beganAt > 2 * transaction.timeoutMs`,
      },
    ],
    caughtBy: ['no commit after the timeout', 'everything ends'],
  },
  {
    name: 'wall-clock-runs-the-timers',
    story: 'the coordinator goes by the wall clock, which may be set back',
    patches: [
      {
        path: `${server}/coordinator.ts`,
        from: `    this.#now = createCoordinatorTime(this.#clock, instantOf(this.state.lastId))`,
        to: ``,
      },
    ],
    caughtBy: ['everything ends', 'no commit after the timeout', 'nobody waits beside a free row'],
  },
  {
    name: 'xid-is-given-again',
    story: 'ids start anew with every start of the coordinator',
    patches: [
      {
        path: `${server}/coordinator.ts`,
        from: `    this.#ids = new IdSequence(this.state.lastId)`,
        to: `    this.#ids = new IdSequence(0)`,
      },
      {
        path: `${core}/id-sequence.ts`,
        from: `Math.max(this.#last + 1, (now - firstInstantMs) * idsPerMs)`,
        to: `Math.max(this.#last + 1, 0 * now)`,
      },
      {
        path: `${server}/coordinator.ts`,
        from: `refusalOf(this.state, command) ?? this.#beginRate`,
        to: `this.#beginRate`,
      },
      {
        path: `${core}/begin.ts`,
        from: `  if (refusal !== null) return refused(refusal)
`,
        to: ``,
      },
    ],
    caughtBy: ['xids are unique', 'nothing durable is lost', 'a decision stands', 'no late branch'],
  },
]
