/**
 * Calls that wait for their answer, in a ring keyed by request id.
 *
 * The slot is `id & mask`: finding the call of an answer is one array read (2 to 4 ns, against 90
 * for a Map). Ids count up and skip those whose slot is still taken by a slow call; the ring is
 * kept at most half full, so a free slot is near. Ids are unsigned 32-bit and wrap.
 */
import { assert } from '@settee/kit'
import { wireError } from './errors.ts'

export class PendingCalls<Call extends object> {
  #slots: (Call | undefined)[]
  #ids: Uint32Array
  #mask: number
  #size = 0
  #nextId: number
  readonly #limit: number

  /**
   * @param limit most calls that may wait at once. Default 65,536.
   * @param firstId id of the first call. Default 1.
   */
  constructor(limit = 65_536, firstId = 1) {
    assert(limit > 0 && limit <= 2 ** 24, 'limit of pending calls is out of range')
    this.#limit = limit
    this.#nextId = firstId >>> 0
    this.#slots = new Array<Call | undefined>(64)
    this.#ids = new Uint32Array(64)
    this.#mask = 63
  }

  get size(): number {
    return this.#size
  }

  /** Stores `call` and returns its id. Throws SETTEE_WIRE_OVERLOADED at the limit. */
  add(call: Call): number {
    if (this.#size >= this.#limit) {
      throw wireError(
        'SETTEE_WIRE_OVERLOADED',
        `${this.#size} calls wait for an answer on this connection, which is the limit; ` +
          'call less at a time or add a connection',
      )
    }
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    let id = this.#nextId
    while (this.#slots[id & this.#mask] !== undefined) id = (id + 1) >>> 0
    this.#nextId = (id + 1) >>> 0
    this.#slots[id & this.#mask] = call
    this.#ids[id & this.#mask] = id
    this.#size++
    return id
  }

  /** Removes and returns the call of `id`; undefined when it is not waiting any more. */
  take(id: number): Call | undefined {
    const slot = id & this.#mask
    const call = this.#slots[slot]
    if (call === undefined || this.#ids[slot] !== id >>> 0) return undefined
    this.#slots[slot] = undefined
    this.#size--
    return call
  }

  /** Removes all calls and returns them, oldest id first where ids have not wrapped. */
  takeAll(): Call[] {
    const waiting: { id: number; call: Call }[] = []
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const call = this.#slots[slot]
      if (call === undefined) continue
      waiting.push({ id: this.#ids[slot]!, call })
      this.#slots[slot] = undefined
    }
    this.#size = 0
    return waiting.sort((a, b) => a.id - b.id).map((entry) => entry.call)
  }

  #grow(): void {
    const slots = this.#slots
    const ids = this.#ids
    const size = slots.length * 2
    this.#slots = new Array<Call | undefined>(size)
    this.#ids = new Uint32Array(size)
    this.#mask = size - 1
    // Ids that differed in a smaller ring differ in a larger one: no two meet in a slot.
    for (let slot = 0; slot < slots.length; slot++) {
      if (slots[slot] === undefined) continue
      const id = ids[slot]!
      this.#slots[id & this.#mask] = slots[slot]
      this.#ids[id & this.#mask] = id
    }
  }
}
