/**
 * A batch: the records that leave in one write and one flush. Its bytes are an arena that grows to
 * its working size and is used again, because a fresh one for every flush costs page faults.
 */
import { encodeRecord, recordHeaderBytes } from './record.ts'
import type { LogTail } from './segment-supply.ts'

/** Arenas above this size are given back after a burst. */
const keptArenaBytes = 2 ** 20

export class Batch {
  /** The segment that the records belong to. */
  tail: LogTail
  /** Offset of the first byte in the segment. */
  at: number
  lastIndex = 0
  length = 0
  bytes: Uint8Array = Buffer.allocUnsafeSlow(4096)
  view: DataView = new DataView(this.bytes.buffer)

  constructor(tail: LogTail, at: number) {
    this.tail = tail
    this.at = at
  }

  add(payload: Uint8Array, index: number, durableIndex: number): void {
    const size = recordHeaderBytes + payload.length
    if (this.length + size > this.bytes.length) this.#grow(this.length + size)
    this.length = encodeRecord(this, this.length, { payload, index, durableIndex }, this.tail.salt)
    this.lastIndex = index
  }

  /** Starts anew with the same arena. */
  reset(tail: LogTail, at: number): void {
    this.tail = tail
    this.at = at
    this.length = 0
    if (this.bytes.length > keptArenaBytes) this.#allocate(keptArenaBytes)
  }

  #grow(needed: number): void {
    const old = this.bytes
    this.#allocate(Math.max(needed, old.length * 2))
    this.bytes.set(old.subarray(0, this.length))
  }

  #allocate(size: number): void {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.view = new DataView(this.bytes.buffer)
  }
}
