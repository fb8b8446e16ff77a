/**
 * A binary min-heap of (key, item): the index behind "what is due next", so that nobody scans all
 * entries every second. Stale entries are the owner's business: it checks an item when it pops.
 */
export class MinHeap<Item> {
  #keys: number[] = []
  #items: Item[] = []

  get length(): number {
    return this.#keys.length
  }

  /** Smallest key; Infinity when the heap is empty. */
  get minKey(): number {
    return this.#keys[0] ?? Infinity
  }

  push(key: number, item: Item): void {
    let hole = this.#keys.length
    this.#keys.push(key)
    this.#items.push(item)
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if (this.#keys[parent]! <= key) break
      this.#keys[hole] = this.#keys[parent]!
      this.#items[hole] = this.#items[parent]!
      hole = parent
    }
    this.#keys[hole] = key
    this.#items[hole] = item
  }

  /** Removes and returns the item with the smallest key; undefined when the heap is empty. */
  pop(): Item | undefined {
    if (this.#keys.length === 0) return undefined
    const top = this.#items[0]
    const key = this.#keys.pop()!
    const item = this.#items.pop()!
    if (this.#keys.length > 0) this.#sinkFromTop(key, item)
    return top
  }

  #sinkFromTop(key: number, item: Item): void {
    const { length } = this.#keys
    let hole = 0
    for (let child = 1; child < length; child = 2 * hole + 1) {
      if (child + 1 < length && this.#keys[child + 1]! < this.#keys[child]!) child++
      if (key <= this.#keys[child]!) break
      this.#keys[hole] = this.#keys[child]!
      this.#items[hole] = this.#items[child]!
      hole = child
    }
    this.#keys[hole] = key
    this.#items[hole] = item
  }
}
