/**
 * The replica: a deterministic state machine behind a journal.
 *
 *   propose ─▶ encode ─▶ journal.append ─▶ … durable … ─▶ apply, in index order ─▶ done
 *   start   ─▶ restore the snapshot ─▶ decode and apply every record behind it
 *
 * Nothing is applied before it is durable, so whatever `done` reports survives a crash, and the
 * state after a restart is the state of the acknowledged commands and of perhaps a few behind them.
 * The live command object is applied as it is; `verifyCodec` proves that decoding would give the
 * same one.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  assert,
  backoffMs,
  isSetteeError,
  messageOf,
  Queue,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  type Service,
  type SetteeError,
} from '@settee/kit'
import { ByteReader, ByteWriter } from '@settee/wire'
import { journalError } from './errors.ts'
import type { AppendOptions, Journal, JournalOwner, JournalStats } from './journal.ts'

/** State that changes by commands alone: no clock, no randomness, no I/O. */
export interface StateMachine<Command, Result> {
  encode(command: Command, writer: ByteWriter): void
  /** `reader` holds one record; what `raw` gives is valid until the command is applied: copy it. */
  decode(reader: ByteReader): Command
  /** Must not throw: refuse by a result. The same commands must give the same state everywhere. */
  apply(command: Command, index: number): Result
  /** The whole state; not changed afterwards. */
  snapshot(): Uint8Array
  /** Replaces the state; `bytes` may be kept. */
  restore(bytes: Uint8Array): void
}

/** Called once: either `error` or `result` is given. */
export type Done<Result> = (error: SetteeError | undefined, result: Result | undefined) => void

export interface ReplicaOptions<Command, Result> {
  readonly journal: Journal
  readonly machine: StateMachine<Command, Result>
  readonly clock?: Clock
  readonly random?: Random
  /** Takes a snapshot when the records behind the last one are larger. Default 64 MiB. */
  readonly snapshotEveryBytes?: number
  /** Limit of commands that are proposed and not applied. Default 65,536. */
  readonly maxPending?: number
  /** Tests: decodes what was encoded and asserts that it is the same command. Default false. */
  readonly verifyCodec?: boolean
  /** The replica cannot go on; every pending command got the error. The process should end. */
  readonly onFailed?: (error: SetteeError) => void
}

/** `stopped` before start and after stop; the others are the journal's. */
export type ReplicaState = 'stopped' | 'starting' | 'open' | 'full' | 'failed'

export interface ReplicaStats {
  readonly state: ReplicaState
  /** Last record that is part of the state. */
  readonly appliedIndex: number
  /** Commands that are proposed and not applied. */
  readonly pendingCount: number
  readonly snapshotCount: number
  /** Why the last attempt to save a snapshot failed; undefined after one that did not. */
  readonly snapshotError: SetteeError | undefined
  readonly journal: JournalStats
}

export interface Replica<Command, Result> extends Service {
  readonly state: ReplicaState
  /** Recovers: restores and replays. Rejects with the journal's error. */
  start(): Promise<void>
  /**
   * Proposes a command. `done` runs right after the command was applied, or with an error when it
   * never will be: at once for SETTEE_JOURNAL_FULL, _BUSY, _RECORD_TOO_LARGE and _CLOSED, later for
   * _FAILED, when whether the command survives is unknown until the restart.
   */
  propose(command: Command, done: Done<Result>, options?: AppendOptions): void
  /** {@link Replica.propose} as a promise. */
  proposeAsync(command: Command, options?: AppendOptions): Promise<Result>
  stats(): ReplicaStats
  /** Refuses new commands, waits for those that are pending, closes the journal. */
  stop(): Promise<void>
}

export function createReplica<Command, Result>(
  options: ReplicaOptions<Command, Result>,
): Replica<Command, Result> {
  return new JournaledReplica(options)
}

interface Pending<Command, Result> {
  readonly index: number
  readonly command: Command
  readonly done: Done<Result>
}

/** After a snapshot failed, typically on a full disk. */
const snapshotBackoff = { minMs: 1000, maxMs: 60_000 } as const

class JournaledReplica<Command, Result> implements Replica<Command, Result>, JournalOwner {
  readonly name = 'journal'
  readonly #options: ReplicaOptions<Command, Result>
  readonly #journal: Journal
  readonly #machine: StateMachine<Command, Result>
  readonly #clock: Clock
  readonly #maxPending: number
  readonly #writer = new ByteWriter()
  readonly #reader = new ByteReader()
  readonly #pending = new Queue<Pending<Command, Result>>()
  #phase: 'stopped' | 'starting' | 'running' = 'stopped'
  #failure: SetteeError | undefined
  #appliedIndex = 0
  #isSavingSnapshot = false
  #snapshotCount = 0
  #snapshotError: SetteeError | undefined
  #snapshotFailures = 0
  #nextSnapshotMs = 0

  constructor(options: ReplicaOptions<Command, Result>) {
    this.#options = options
    this.#journal = options.journal
    this.#machine = options.machine
    this.#clock = options.clock ?? systemClock
    this.#maxPending = options.maxPending ?? 65_536
  }

  get state(): ReplicaState {
    if (this.#failure !== undefined) return 'failed'
    if (this.#phase !== 'running') return this.#phase
    const { state } = this.#journal.stats()
    return state === 'closed' ? 'stopped' : state
  }

  async start(): Promise<void> {
    assert(this.#phase === 'stopped', 'a replica is started once')
    this.#phase = 'starting'
    try {
      await this.#journal.open(this)
    } catch (error) {
      this.#phase = 'stopped'
      throw error
    }
    this.#phase = 'running'
  }

  propose(command: Command, done: Done<Result>, options?: AppendOptions): void {
    if (this.#phase !== 'running' || this.#failure !== undefined) {
      done(this.#failure ?? journalError('SETTEE_JOURNAL_CLOSED', 'not running'), undefined)
      return
    }
    if (this.#pending.length >= this.#maxPending) {
      done(this.#busyError(), undefined)
      return
    }
    let index: number
    try {
      index = this.#journal.append(this.#encode(command), options)
    } catch (error) {
      // Anything else is a defect of the encoder, for its caller to see.
      if (!isSetteeError(error)) throw error
      done(error, undefined)
      return
    }
    this.#pending.push({ index, command, done })
  }

  proposeAsync(command: Command, options?: AppendOptions): Promise<Result> {
    return new Promise((resolve, reject) => {
      const done: Done<Result> = (error, result) => {
        if (error === undefined) resolve(result as Result)
        else reject(error)
      }
      this.propose(command, done, options)
    })
  }

  stats(): ReplicaStats {
    return {
      state: this.state,
      appliedIndex: this.#appliedIndex,
      pendingCount: this.#pending.length,
      snapshotCount: this.#snapshotCount,
      snapshotError: this.#snapshotError,
      journal: this.#journal.stats(),
    }
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped'
    await this.#journal.close()
    this.#refuseAllPending(journalError('SETTEE_JOURNAL_CLOSED', 'stopped before it was durable'))
  }

  /** Of the journal. */
  onSnapshot(index: number, bytes: Uint8Array): void {
    this.#machine.restore(bytes)
    this.#appliedIndex = index
  }

  /** Of the journal. */
  onRecord(index: number, bytes: Uint8Array): void {
    this.#reader.load(bytes)
    try {
      this.#machine.apply(this.#machine.decode(this.#reader), index)
    } catch (cause) {
      throw journalError(
        'SETTEE_JOURNAL_APPLY_FAILED',
        `record ${index} cannot be applied again: ${messageOf(cause)}; ` +
          'was the journal written by a newer version, or by another state machine?',
        { cause },
      )
    }
    this.#appliedIndex = index
  }

  /** Of the journal. */
  onDurable(index: number): void {
    for (;;) {
      const next = this.#pending.peek()
      if (next === undefined || next.index > index || this.#failure !== undefined) break
      this.#pending.shift()
      this.#applyAndAnswer(next)
    }
    this.#snapshotIfDue()
  }

  /** Of the journal. */
  onFailed(error: SetteeError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#refuseAllPending(error)
    this.#options.onFailed?.(error)
  }

  #encode(command: Command): Uint8Array {
    this.#writer.reset()
    this.#machine.encode(command, this.#writer)
    const bytes = this.#writer.bytes()
    if (this.#options.verifyCodec === true) {
      this.#reader.load(bytes)
      const decoded = this.#machine.decode(this.#reader)
      assert(isDeepStrictEqual(decoded, command), 'decode(encode(command)) is another command')
      assert(this.#reader.remaining === 0, 'decode reads all that encode wrote')
    }
    return bytes
  }

  #applyAndAnswer({ index, command, done }: Pending<Command, Result>): void {
    let result: Result
    try {
      result = this.#machine.apply(command, index)
    } catch (cause) {
      const error = journalError(
        'SETTEE_JOURNAL_APPLY_FAILED',
        `the state machine threw while it applied record ${index}: ${messageOf(cause)}; ` +
          'its state is unknown, so the process must end, and this defect be reported',
        { cause },
      )
      answer(done, error, undefined)
      this.onFailed(error)
      return
    }
    this.#appliedIndex = index
    answer(done, undefined, result)
  }

  #refuseAllPending(error: SetteeError): void {
    for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
      answer(next.done, error, undefined)
    }
  }

  #snapshotIfDue(): void {
    if (this.#isSavingSnapshot || this.#phase !== 'running' || this.#failure !== undefined) return
    const { bytesSinceSnapshot } = this.#journal.stats()
    if (bytesSinceSnapshot < (this.#options.snapshotEveryBytes ?? 64 * 2 ** 20)) return
    if (this.#clock.monotonic() < this.#nextSnapshotMs) return
    this.#isSavingSnapshot = true
    void this.#saveSnapshot()
  }

  /** Never rejects: a snapshot that failed costs disk space and is tried again after a pause. */
  async #saveSnapshot(): Promise<void> {
    try {
      await this.#journal.saveSnapshot(this.#appliedIndex, this.#machine.snapshot())
      this.#snapshotCount++
      this.#snapshotFailures = 0
      this.#snapshotError = undefined
    } catch (error) {
      this.#snapshotFailures++
      const random = this.#options.random ?? systemRandom
      const pauseMs = backoffMs(this.#snapshotFailures, snapshotBackoff, random)
      this.#nextSnapshotMs = this.#clock.monotonic() + pauseMs
      this.#snapshotError = isSetteeError(error)
        ? error
        : journalError('SETTEE_JOURNAL_SNAPSHOT_FAILED', messageOf(error), { cause: error })
    } finally {
      this.#isSavingSnapshot = false
    }
  }

  #busyError(): SetteeError {
    return journalError(
      'SETTEE_JOURNAL_BUSY',
      `${this.#pending.length} commands wait to become durable, which is the limit (maxPending); ` +
        'try again in a moment',
    )
  }
}

/** An answer that throws is the proposer's defect: it surfaces, but stops nobody else's answer. */
function answer<Result>(
  done: Done<Result>,
  error: SetteeError | undefined,
  result: Result | undefined,
): void {
  try {
    done(error, result)
  } catch (defect) {
    queueMicrotask(() => {
      throw defect
    })
  }
}
