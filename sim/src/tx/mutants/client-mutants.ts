/** Bugs in what clients are told, and what they make of it. */
import { brokenLocks, client, core, model, server, type Mutant } from './mutant.ts'

export const clientMutants: readonly Mutant[] = [
  {
    name: 'late-branch-is-accepted',
    story: 'a branch may register while its transaction rolls back',
    patches: [
      {
        path: `${core}/registration.ts`,
        from: `  if (transaction.status !== GlobalStatus.Begin && !isForwardSaga) {`,
        to: `  if (isFailed(transaction.status) && !isForwardSaga) {`,
      },
    ],
    caughtBy: ['no late branch', 'a commit frees its rows'],
  },
  {
    name: 'finished-is-committed',
    story: 'a commit of a transaction that was rolled back is answered Committed',
    patches: [
      {
        path: `${core}/ending.ts`,
        from: `GlobalStatus.Committed || status === GlobalStatus.TimeoutRollbacked
    ? status
    : GlobalStatus.Finished`,
        to: `undefined ? GlobalStatus.Finished : GlobalStatus.Committed`,
      },
    ],
    caughtBy: ['told is what happens'],
  },
  {
    name: 'ends-are-forgotten',
    story: 'what the history drops leaves nothing behind',
    patches: [
      {
        path: `${core}/state.ts`,
        from: `      this.rememberEnd(this.#history.get(oldest) as Transaction)
`,
        to: ``,
      },
    ],
    caughtBy: ['nothing durable is lost', 'acknowledged is kept'],
  },
  {
    name: 'status-is-forgotten',
    story: 'the status of a transaction that the history has dropped is Finished',
    patches: [
      {
        path: `${core}/coordinator.ts`,
        from: `  const transaction = state.transactions.get(xid) ?? state.endOf(xid)`,
        to: `  const transaction = state.transactions.get(xid) ?? state.finished(xid)`,
      },
    ],
    caughtBy: ['a status agrees with the decision'],
  },
  {
    name: 'begin-is-answered-first',
    story: 'a begin is answered before it is in the journal',
    patches: [
      {
        path: `${server}/coordinator.ts`,
        from: `    this.#propose(command, (error, result) => reply(result, error, xid), false)`,
        to: `    this.#propose(command, () => {}, false)`,
      },
      {
        path: `${server}/coordinator.ts`,
        from: `    if (refusal !== null) return reply(refused(refusal), undefined, xid)
`,
        to: `    if (refusal !== null) return reply(refused(refusal), undefined, xid)
    reply({ refusal: null, status: GlobalStatus.Begin, effects: [] }, undefined, xid)
`,
      },
    ],
    caughtBy: ['acknowledged is kept', 'told is what happens'],
  },

  {
    name: 'timeout-is-told-as-commit',
    story: 'the transaction manager takes a rollback by timeout for a commit',
    patches: [
      {
        path: `${client}/global-outcome.ts`,
        from: `  [GlobalStatus.TimeoutRollbacking]: 'timedOut',`,
        to: `  [GlobalStatus.TimeoutRollbacking]: 'committed',`,
      },
    ],
    caughtBy: ['told is what happens'],
  },
  {
    name: 'committed-before-undo-is-deleted',
    story: 'a branch is answered Committed before its undo row is gone',
    patches: [
      {
        path: `${client}/at/undo-deletion.ts`,
        from: `      await remove(batch.map(({ branch }) => branch))
`,
        to: `      void remove(batch.map(({ branch }) => branch)).catch(() => {})
`,
      },
    ],
    caughtBy: ['undo logs go', 'all or nothing'],
  },
  {
    name: 'no-defence-row',
    story: 'a rollback without undo row leaves nothing that stops a late phase one',
    patches: [
      {
        path: `${model}/at-resource.ts`,
        from: `    await local.insert(key, defence, rollbackLockTimeoutMs)
`,
        to: ``,
      },
    ],
    caughtBy: ['undo logs go', 'all or nothing', ...brokenLocks],
  },
  {
    name: 'undo-row-stays',
    story: 'a rollback restores the rows and keeps the undo row',
    patches: [
      {
        path: `${model}/at-resource.ts`,
        from: `    local.write(accountKey(account), { kind: 'account', balance: before })
  }
  local.write(key, undefined)`,
        to: `    local.write(accountKey(account), { kind: 'account', balance: before })
  }`,
      },
    ],
    caughtBy: ['undo logs go', 'no dirty write', 'no dirty rows at rollback'],
  },
  {
    name: 'undo-is-not-committed',
    story: 'a rollback is answered although its local transaction did not commit',
    patches: [
      {
        path: `${model}/at-resource.ts`,
        from: `      await local.commit()
      return BranchStatus.PhaseTwo_Rollbacked`,
        to: `      await local.rollback()
      return BranchStatus.PhaseTwo_Rollbacked`,
      },
    ],
    caughtBy: ['undo logs go', 'no dirty write', 'all or nothing'],
  },
]
