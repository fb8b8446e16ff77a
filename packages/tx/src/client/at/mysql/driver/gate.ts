/**
 * Keeps the statements of one connection in order while AT mode works on it: what comes while a
 * statement is held waits behind it, as it would in the driver's own queue.
 */
export class Gate {
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  readonly #onBusy: () => void
  readonly #onIdle: () => void

  /** The two are told when the first work comes and when the last has ended. */
  constructor(onBusy: () => void, onIdle: () => void) {
    this.#onBusy = onBusy
    this.#onIdle = onIdle
  }

  /** Whether anything is under way or waits. */
  get isBusy(): boolean {
    return this.#waiting > 0
  }

  /** Runs `work`, in the async context of the caller, when everything before it has ended. */
  enqueue<Result>(work: () => Promise<Result> | Result): Promise<Result> {
    if (this.#waiting++ === 0) this.#onBusy()
    const running = this.#tail.then(work).finally(() => {
      if (--this.#waiting === 0) this.#onIdle()
    })
    this.#tail = running.catch(() => {})
    return running
  }
}
