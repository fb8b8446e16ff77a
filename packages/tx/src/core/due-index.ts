/**
 * What is due next: at most one due time for each item, found without a scan. A heap holds the due
 * times; an entry that was moved or removed stays in the heap until it is popped, and the heap is
 * rebuilt when most of it is stale, so that memory follows the number of live items.
 */
import { MinHeap } from '@settee/kit'

export class DueIndex<Item> {
  readonly #dueOf = new Map<Item, number>()
  #heap = new MinHeap<Item>()

  get size(): number {
    return this.#dueOf.size
  }

  /** Entries kept, stale ones included. */
  get entryCount(): number {
    return this.#heap.length
  }

  /** Due time of the next item in ms; it may be early when that item was removed. */
  get nextDueAt(): number {
    return this.#heap.minKey
  }

  dueAt(item: Item): number | undefined {
    return this.#dueOf.get(item)
  }

  set(item: Item, dueAt: number): void {
    this.#dueOf.set(item, dueAt)
    this.#heap.push(dueAt, item)
    if (this.#heap.length > 2 * this.#dueOf.size + 1024) this.#rebuild()
  }

  delete(item: Item): void {
    this.#dueOf.delete(item)
  }

  /** Removes and returns what is due at `now`, the earliest first. */
  takeAllDue(now: number): Item[] {
    const due: Item[] = []
    while (this.#heap.minKey <= now) {
      const dueAt = this.#heap.minKey
      const item = this.#heap.pop() as Item
      if (this.#dueOf.get(item) !== dueAt) continue
      this.#dueOf.delete(item)
      due.push(item)
    }
    return due
  }

  #rebuild(): void {
    this.#heap = new MinHeap<Item>()
    for (const [item, dueAt] of this.#dueOf) this.#heap.push(dueAt, item)
  }
}
