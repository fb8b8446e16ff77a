/**
 * What a seed stands for: which faults there are, who moves how much money, and when. Each kind of
 * fault is in some seeds and not in others, because faults hide each other.
 */
import type { CoordinatorOptions } from '@settee/tx/server'
import { createChance, type Chance } from '../world/chance.ts'

export const faultKinds = [
  'coordinatorCrash',
  'crashInFlush',
  'applicationCrash',
  'databaseCrash',
  'databaseOutage',
  'databaseTrouble',
  'phaseTwoTrouble',
  'connectionBreak',
  'harshNetwork',
  'slowNetwork',
  'clockJump',
  'diskSlow',
  'diskFull',
  'diskFailure',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** One part of a transfer: one local transaction. */
export interface Leg {
  readonly database: number
  readonly postings: readonly { readonly account: string; readonly delta: number }[]
  readonly mode: 'AT' | 'TCC' | 'XA'
}

export interface TransferPlan {
  readonly startMs: number
  /** The application that begins the transaction. */
  readonly application: number
  /** Empty for sagas. */
  readonly legs: readonly Leg[]
  /** A saga in steps within one application; empty for others. */
  readonly sagaDeltas: readonly number[]
  readonly isForwardOnly: boolean
  readonly timeoutMs: number
  /** Before the end is asked for. */
  readonly thinkMs: number
  /** The work fails by itself behind this many legs; Infinity when it does not. */
  readonly failsBehind: number
  /** Longest wait for global locks with row locks held. */
  readonly lockWaitMs: number
  /** How often it is tried again when it was rolled back. */
  readonly retries: number
}

export interface SeedPlan {
  readonly seed: number
  readonly faults: ReadonlySet<FaultKind>
  readonly applicationCount: number
  readonly databaseCount: number
  readonly transfers: readonly TransferPlan[]
  /** Faults strike until then, in ms; {@link calmMs} at the latest. */
  readonly faultsUntilMs: number
  /** Of the coordinator's core. */
  readonly limits: CoordinatorOptions
}

/** When faults stop, in ms. */
export const calmMs = 16_000

export function planSeed(seed: number): SeedPlan {
  const chance = createChance(seed, 'plan')
  const share = chance.pick([0.2, 0.5, 0.8])
  const faults = new Set(faultKinds.filter(() => chance.happens(share)))
  const applicationCount = chance.integer(1, 3)
  const databaseCount = chance.integer(2, 4)
  const transferCount = chance.integer(12, 40)
  const accountCount = chance.integer(1, 4)
  // All at once, for crowded rows; or one after the other, so that each meets a fault of its own.
  const spreadMs = chance.pick([1500, calmMs - 2000, calmMs - 2000])
  const transfers = Array.from({ length: transferCount }, (_, index) =>
    planTransfer(createChance(seed, `transfer ${index}`), {
      applicationCount,
      databaseCount,
      accountCount,
      spreadMs,
    }),
  )
  // A short history: then only the ends of most transactions are remembered.
  const limits = chance.happens(0.3) ? { maxFinishedTransactions: 5 } : {}
  const faultsUntilMs = Math.min(spreadMs + 5000, calmMs)
  return { seed, faults, faultsUntilMs, applicationCount, databaseCount, transfers, limits }
}

interface Size {
  readonly applicationCount: number
  readonly databaseCount: number
  readonly accountCount: number
  /** Within which all transfers start. */
  readonly spreadMs: number
}

function planTransfer(chance: Chance, size: Size): TransferPlan {
  const amount = chance.integer(1, 50)
  const isSaga = chance.happens(0.1)
  const legs = isSaga ? [] : planLegs(chance, size, amount)
  return {
    startMs: chance.between(0, size.spreadMs),
    application: chance.integer(0, size.applicationCount - 1),
    legs,
    sagaDeltas: isSaga ? [-amount, amount] : [],
    isForwardOnly: chance.happens(0.3),
    timeoutMs: chance.happens(0.2) ? chance.integer(20, 400) : chance.integer(1500, 6000),
    thinkMs: chance.happens(0.2) ? chance.between(10, 600) : 0,
    failsBehind: chance.happens(0.15) ? chance.integer(1, legs.length || 1) : Infinity,
    lockWaitMs: chance.pick([0, 100, 400]),
    retries: chance.integer(0, 2),
  }
}

function planLegs(chance: Chance, size: Size, amount: number): readonly Leg[] {
  const databases = Array.from({ length: size.databaseCount }, (_, index) => index)
  const first = chance.pick(databases)
  const second = chance.pick(databases.filter((index) => index !== first))
  const account = (): string => `a${chance.integer(1, size.accountCount)}`
  const row = account()
  const leg = (database: number, name: string, delta: number): Leg => ({
    database,
    postings: [{ account: name, delta }],
    mode: 'AT',
  })
  switch (chance.integer(0, 5)) {
    // The same row twice in one transaction: undone from the last branch to the first.
    case 0:
      return [leg(first, row, -amount), leg(second, account(), amount + 7), leg(first, row, -7)]
    case 1: {
      const third = chance.pick(databases)
      return [
        leg(first, row, -amount - 3),
        leg(second, account(), amount),
        leg(third, account(), 3),
      ]
    }
    // Two rows in one local transaction.
    case 2: {
      const postings = [
        { account: 'a1', delta: -amount },
        { account: 'a2', delta: -1 },
      ]
      const ordered = chance.happens(0.5) ? postings : postings.toReversed()
      return [{ database: first, postings: ordered, mode: 'AT' }, leg(second, row, amount + 1)]
    }
    case 3: {
      const mode = chance.pick(['TCC', 'XA'] as const)
      return [
        leg(first, row, -amount),
        { database: second, postings: [{ account: 'own', delta: amount + 5 }], mode },
        { database: first, postings: [{ account: 'own', delta: -5 }], mode },
      ]
    }
    default:
      return [leg(first, row, -amount), leg(second, account(), amount)]
  }
}
