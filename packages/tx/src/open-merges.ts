/**
 * MergedWarps whose answers have to come back in one MergeResult, in the order of the requests.
 *
 * The parts of a MergedWarp need ids of their own, but clients before 1.5 send none. They get ids
 * from beyond the 31 bits of the wire, so that an id alone says where its answer belongs:
 *
 *     part id = 2^31 + number of the merge x 2^14 + position in the merge
 */
import { assert } from '@settee/kit'
import { wireError } from '@settee/wire'
import {
  maxMergedMessages,
  MessageType,
  type MergeResultMessage,
  type RequestMessage,
  type ResponseMessage,
} from './protocol/index.ts'

interface OpenMerge {
  readonly requestId: number
  readonly answers: (ResponseMessage | undefined)[]
  missingCount: number
}

/** The answer to a whole MergedWarp. */
export interface MergedAnswer {
  readonly requestId: number
  readonly message: MergeResultMessage
}

const firstPartId = 2 ** 31
const partsPerMerge = 2 ** 14
assert(maxMergedMessages <= partsPerMerge, 'the position of a part needs more bits')

export class OpenMerges {
  readonly #limit: number
  readonly #byNumber = new Map<number, OpenMerge>()
  #nextNumber = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  static isPart(requestId: number): boolean {
    return requestId >= firstPartId
  }

  /** Returns the id of the first part; the next ones count up. */
  open(requestId: number, parts: readonly RequestMessage[]): number {
    if (this.#byNumber.size >= this.#limit) {
      throw wireError(
        'SETTEE_WIRE_OVERLOADED',
        `${this.#limit} merged frames of this connection wait for answers, which is the limit`,
      )
    }
    const number = this.#nextNumber++
    const answers = new Array<ResponseMessage | undefined>(parts.length).fill(undefined)
    this.#byNumber.set(number, { requestId, answers, missingCount: parts.length })
    return firstPartId + number * partsPerMerge
  }

  /** Takes the answer of a part; returns the answer of the whole with the last one. */
  answer(partId: number, message: ResponseMessage): MergedAnswer | undefined {
    const offset = partId - firstPartId
    const number = Math.floor(offset / partsPerMerge)
    const position = offset % partsPerMerge
    const merge = this.#byNumber.get(number)
    if (merge === undefined || merge.answers[position] !== undefined) return undefined
    merge.answers[position] = message
    if (--merge.missingCount > 0) return undefined
    this.#byNumber.delete(number)
    const messages = merge.answers as readonly ResponseMessage[]
    return { requestId: merge.requestId, message: { type: MessageType.MergeResult, messages } }
  }

  clear(): void {
    this.#byNumber.clear()
  }
}
