/**
 * A first-in first-out queue on a ring buffer: push, shift and peek in constant time, no memory
 * traffic once it has grown to its working size.
 */
export class Queue<Item> {
  #slots: (Item | undefined)[] = new Array<Item | undefined>(16)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: Item): void {
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item
    this.#length++
  }

  /** Removes and returns the oldest item; undefined when the queue is empty. */
  shift(): Item | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length--
    return item
  }

  /** The oldest item, which stays. */
  peek(): Item | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head]
  }

  clear(): void {
    this.#slots = new Array<Item | undefined>(16)
    this.#head = 0
    this.#length = 0
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let i = 0; i < this.#length; i++) {
      yield this.#slots[(this.#head + i) & (this.#slots.length - 1)] as Item
    }
  }

  #grow(): void {
    const grown = new Array<Item | undefined>(this.#slots.length * 2)
    for (let i = 0; i < this.#length; i++) {
      grown[i] = this.#slots[(this.#head + i) & (this.#slots.length - 1)]
    }
    this.#slots = grown
    this.#head = 0
  }
}
