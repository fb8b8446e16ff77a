/**
 * The coordinator's process: the real shell, sessions and core on a simulated disk, clock and
 * network. It can be killed at any event; a restart recovers from the disk.
 */
import { messageOf, type SetteeError } from '@settee/kit'
import { wireError, type Connection } from '@settee/wire'
import type { CoordinatorOptions } from '@settee/tx/server'
import type {
  AnsweredRequest,
  BranchCall,
  BranchOutcome,
  ChannelTable,
  CoordinatorShell,
  CoordinatorState,
  SeataCall,
  SeataPeer,
  Session,
} from '@settee/tx/internal'
import {
  FrameType,
  BranchStatus,
  MessageType,
  ResultCode,
  type RequestMessage,
  type ResponseMessage,
  type UndoLogDeleteRequest,
} from '@settee/tx/protocol'
import type { Chance } from '../world/chance.ts'
import type { SimulatedConnection } from '../world/network.ts'
import { SimulatedDisk } from '../world/simulated-journal.ts'
import { SimulatedProcess } from '../world/simulated-process.ts'
import { dumpState, replayRecords } from './replay.ts'
import { RequestWatch, type OpenRequest } from './request-watch.ts'
import type { ClientEnd, DialledConnection, ServerEnd } from './simulated-link.ts'
import type { World } from './world.ts'

/** Small, so that snapshots happen. */
export const snapshotEveryBytes = 6000

/** No registration takes longer that does not wait, unless the disk stalls. */
const longAnswerMs = 25

/** Two flushes may stall one after the other before an outcome is known to the breaker, in ms. */
const breakerWithinMs = 2000

interface Life {
  readonly shell: CoordinatorShell
  readonly channels: ChannelTable<Session>
  /** By connection and request id: what waits for an answer, and since when. */
  readonly open: Map<string, OpenRequest>
  /** Resources of which the last call went well, and when, in ms. */
  readonly endedAtMs: Map<string, number>
  isReady: boolean
}

export class CoordinatorNode {
  readonly process: SimulatedProcess
  readonly disk: SimulatedDisk
  readonly requestWatch: RequestWatch
  readonly #world: World
  readonly #chance: Chance
  readonly #limits: CoordinatorOptions
  #life: Life | undefined
  #seenVersion = -1
  #observations = 0
  #lastPort = 40_000
  restartCount = 0
  /** Registrations that were refused to end a deadlock. */
  deadlockCount = 0
  /** Registrations that had to wait for a row. */
  lockWaitCount = 0
  /** Resources that have counted as broken. */
  readonly brokenResources: Set<string> = new Set()

  constructor(
    world: World,
    options: { chance: Chance; isDiskSlow: boolean; limits: CoordinatorOptions },
  ) {
    this.#world = world
    this.#limits = options.limits
    this.#chance = options.chance
    this.process = new SimulatedProcess('coordinator', world.queue)
    this.requestWatch = new RequestWatch(world.queue, world.monitor)
    this.disk = new SimulatedDisk(world.queue, options.chance, { isSlow: options.isDiskSlow })
  }

  get isReady(): boolean {
    return this.#life?.isReady === true
  }
  /** Of the running life. */
  get state(): CoordinatorState | undefined {
    return this.#life?.isReady === true ? this.#life.shell.state : undefined
  }
  get lockWaiterCount(): number {
    return this.#life?.shell.lockWaiterCount ?? 0
  }
  /** Requests that wait for an answer, in the order of arrival. */
  get openRequests(): Iterable<OpenRequest> {
    return this.#life?.open.values() ?? []
  }

  start(): void {
    const { core, monitor, trace } = this.#world
    this.process.restart()
    const { life } = this.process
    const shell = new core.CoordinatorShell({
      journal: this.disk.createJournal(),
      clock: this.process.clock,
      random: this.#chance.random,
      address: () => '10.0.0.1:8091',
      callBranch: (call, done) => this.#callBranch(call, done),
      onFailed: (error) => this.#onFailed(error),
      snapshotEveryBytes,
      core: this.#limits,
    })
    const mine: Life = {
      shell,
      channels: new core.ChannelTable<Session>(),
      open: new Map(),
      endedAtMs: new Map(),
      isReady: false,
    }
    this.#life = mine
    shell.start().then(
      () => {
        if (!this.process.isIn(life)) return
        mine.isReady = true
        this.#seenVersion = shell.version
        trace.add('', `coordinator is up with ${shell.state.transactions.size} transactions`)
        monitor.observeRestart(shell.state)
        this.checkReplay()
      },
      (error: unknown) => monitor.fail('recovery succeeds', messageOf(error)),
    )
  }

  /** Dies at once; up again after `downMs`. */
  crash(downMs: number): void {
    if (!this.process.isAlive) return
    const { queue, network, trace } = this.#world
    this.checkReplay()
    this.restartCount++
    this.process.kill()
    const survivors = this.disk.crash()
    this.#life = undefined
    network.processDied(this.process)
    trace.add('', `coordinator dies, ${survivors} unflushed records survive`)
    queue.after(downMs, () => this.start())
  }

  /** Looks at the state if it has changed since the last look. */
  observe(): void {
    const life = this.#life
    if (life === undefined || !life.isReady || life.shell.version === this.#seenVersion) return
    this.#seenVersion = life.shell.version
    this.#world.monitor.observe(life.shell.state)
    if (this.#observations++ % 4 === 0) this.#world.monitor.checkLocks(life.shell.state)
  }

  /** A resource whose last call went well does not count as broken. */
  checkBreakers(): void {
    const life = this.#life
    if (life === undefined || !life.isReady) return
    const { state, schedule } = life.shell
    const { queue, monitor } = this.#world
    for (const { xid, branches } of state.transactions.values()) {
      for (const { branchId, resourceId } of branches) {
        const endedAtMs = life.endedAtMs.get(resourceId) ?? Infinity
        const isClosed = schedule.breakerOpenSince(xid, branchId) === null
        const text = `${resourceId} counts as broken, but has ended a branch`
        if (!isClosed) this.brokenResources.add(resourceId)
        const isSoon = queue.nowMs - endedAtMs < breakerWithinMs
        monitor.check(isClosed || isSoon, 'a breaker closes', text, xid)
      }
    }
  }

  /** The journal gives the state again, from its start and from the snapshot. */
  checkReplay(): void {
    const life = this.#life
    if (life === undefined || !life.isReady) return
    const { monitor } = this.#world
    const { appliedIndex } = life.shell.stats()
    const { records, snapshot, snapshotIndex } = this.disk
    const live = dumpState(life.shell.state)
    const whole = dumpState(this.#replay(records.slice(0, appliedIndex)))
    monitor.check(live === whole, 'replay gives the same state', differenceOf(live, whole))
    if (snapshot === undefined || snapshotIndex > appliedIndex) return
    const rest = records.slice(snapshotIndex, appliedIndex)
    const restored = dumpState(this.#replay(rest, snapshot))
    monitor.check(live === restored, 'a snapshot holds the state', differenceOf(live, restored))
  }

  #replay(records: readonly Uint8Array[], snapshot?: Uint8Array): CoordinatorState {
    const machine = this.#world.core.createCoordinatorMachine(this.#limits)
    if (snapshot !== undefined) machine.restore(snapshot)
    return replayRecords(machine, records)
  }

  // ---- connections ------------------------------------------------------------------------

  /** A client dials; undefined while nobody listens. */
  accept(client: ClientEnd, process: SimulatedProcess): DialledConnection | undefined {
    const mine = this.#life
    if (mine === undefined || !mine.isReady || !this.process.isAlive) return undefined
    const { network, core } = this.#world
    // Each process on a machine of its own: names end with a number.
    const remoteAddress = `10.0.1.${process.name.at(-1)}:${++this.#lastPort}`
    let session: Session | undefined
    const calls = new Map<number, PendingBranchCall>()
    const connection = network.connect(
      { process, life: process.life, onClose: () => client.onClose() },
      {
        process: this.process,
        life: this.process.life,
        onClose: () => {
          session?.onClose()
          const lost = [...calls.values()]
          calls.clear()
          for (const call of lost) call.fail('SETTEE_WIRE_CLOSED', 'the connection broke')
        },
      },
    )
    const facade = {
      remoteAddress,
      get isOpen() {
        return connection.isOpen(1)
      },
    }
    session = new core.Session(facade as Connection, mine.shell, mine.channels)
    const peer = this.#peerOf({ connection, client, calls, remoteAddress, open: mine.open })
    const server: ServerEnd = {
      request: (message, requestId) => {
        const key = `${remoteAddress}/${requestId}`
        const { nowMs } = this.#world.queue
        const isWaited = (): boolean => connection.isOpen(1)
        mine.open.set(key, { message, sinceMs: nowMs, freeSinceMs: undefined, isWaited })
        this.#traceRequest(message)
        try {
          session.onRequest(message, requestId, FrameType.RequestSync, peer)
        } catch (error) {
          this.#world.trace.add('', `connection closed: ${messageOf(error)}`)
          connection.break()
        }
      },
      answer: (requestId, message) => {
        const call = calls.get(requestId)
        calls.delete(requestId)
        call?.answer(message)
      },
    }
    return { connection, server }
  }

  /** What a session sees of its connection: the real peer's calls, without bytes. */
  #peerOf(link: {
    readonly connection: SimulatedConnection
    readonly client: ClientEnd
    readonly calls: Map<number, PendingBranchCall>
    readonly remoteAddress: string
    readonly open: Map<string, OpenRequest>
  }): SeataPeer {
    const { connection, client, calls, remoteAddress, open } = link
    let lastId = 0
    const peer = {
      clientVersion: '',
      connection,
      answer: (requestId: number, message: ResponseMessage): void => {
        this.#onAnswered(`${remoteAddress}/${requestId}`, message, open)
        const isRegistration =
          message.type === MessageType.RegisterTMResult ||
          message.type === MessageType.RegisterRMResult
        const care = isRegistration ? 'reliable' : 'none'
        connection.send(1, () => client.onAnswer(requestId, message), care)
      },
      call: (call: SeataCall): void => {
        const requestId = ++lastId
        const pending = new PendingBranchCall(call)
        calls.set(requestId, pending)
        this.process.clock.after(call.timeoutMs, () => {
          if (!calls.delete(requestId)) return
          pending.fail('SETTEE_WIRE_TIMEOUT', `no answer within ${call.timeoutMs} ms`)
        })
        const { message } = call
        connection.send(1, () => client.onRequest(message, requestId))
      },
      sendOneway: (message: UndoLogDeleteRequest): void => {
        connection.send(1, () => client.onRequest(message, 0))
      },
    }
    return peer as unknown as SeataPeer
  }

  #onAnswered(key: string, answer: ResponseMessage, open: Map<string, OpenRequest>): void {
    const request = open.get(key)
    open.delete(key)
    const { state } = this
    if (answer.type !== MessageType.BranchRegisterResult) return
    if (request === undefined || state === undefined) return
    if (answer.resultCode === ResultCode.Failed) {
      if (answer.msg.includes('deadlock:')) this.deadlockCount++
      return
    }
    if (this.#world.queue.nowMs - request.sinceMs > longAnswerMs) this.lockWaitCount++
    this.requestWatch.onGranted(state, request, open.values())
  }

  #callBranch(call: BranchCall, done: (outcome: BranchOutcome) => void): void {
    const life = this.#life
    const session = life?.channels.find(call)
    const { trace, core, queue } = this.#world
    trace.add(call.xid, `-> ${call.resourceId}: ${call.direction} branch ${call.branchId}`)
    const traced = (outcome: BranchOutcome): void => {
      const { branchId, status, error } = outcome
      trace.add(call.xid, `<- branch ${branchId}: status ${status} ${error}`)
      const isOk =
        status === BranchStatus.PhaseTwo_Committed || status === BranchStatus.PhaseTwo_Rollbacked
      if (isOk) life?.endedAtMs.set(call.resourceId, queue.nowMs)
      else life?.endedAtMs.delete(call.resourceId)
      done(outcome)
    }
    if (session === undefined) traced(core.failedOutcome(call, 'rm client is not connected'))
    else session.callBranch(call, traced)
  }

  #onFailed(error: SetteeError): void {
    const { queue, trace } = this.#world
    trace.add('', `journal failed: ${error.message}`)
    // The process ends by itself, and a supervisor starts it again.
    queue.after(0, () => this.crash(100))
  }

  #traceRequest(message: RequestMessage): void {
    if (!('xid' in message)) return
    const { xid } = message
    const what = 'lockKey' in message ? `${message.resourceId} ${message.lockKey}` : ''
    this.#world.trace.add(xid, `coordinator gets ${typeNames.get(message.type)} ${what}`)
  }
}

const typeNames = new Map<number, string>(
  Object.entries(MessageType).map(([name, code]) => [code, name]),
)

class PendingBranchCall {
  readonly #call: SeataCall & { readonly message: AnsweredRequest }

  constructor(call: SeataCall) {
    this.#call = call
  }

  answer(message: ResponseMessage): void {
    this.#call.onAnswer(message)
  }

  fail(code: 'SETTEE_WIRE_CLOSED' | 'SETTEE_WIRE_TIMEOUT', why: string): void {
    this.#call.onFailure(wireError(code, why))
  }
}

/** Where two dumps part. */
function differenceOf(left: string, right: string): string {
  if (left === right) return ''
  let at = 0
  while (left[at] === right[at]) at++
  const from = Math.max(at - 60, 0)
  return `"${left.slice(from, at + 60)}" against "${right.slice(from, at + 60)}"`
}
