/** What the parts of one simulated world share. */
import type { EventQueue } from '../world/event-queue.ts'
import type { Network } from '../world/network.ts'
import type { Trace } from '../world/trace.ts'
import type { TxCore } from './core.ts'
import type { Monitor } from './monitor.ts'

export interface World {
  readonly core: TxCore
  readonly queue: EventQueue
  readonly network: Network
  readonly trace: Trace
  readonly monitor: Monitor
}
