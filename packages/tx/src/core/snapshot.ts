/**
 * The whole durable state as bytes: lines of JSON, because snapshots are rare and people may have
 * to read one. No text is longer than one branch, so there is no limit but that of the journal.
 *
 *     {"version":3,"lastId":…,"committedTotal":…,"rolledBackTotal":…,"activeCount":…,"endCount":…}
 *     {…an end…}                          of transactions that the history has forgotten
 *     {…a transaction…,"branches":2}      the active ones in order of begin, then the history in
 *     {…a branch…,"locks":[["table","key",since],…]}                           order of end
 *     {…a branch…,"locks":[]}
 *
 * Locks are stored with their branches and put back into the table from there.
 */
import { messageOf } from '@settee/kit'
import { txError } from '../errors.ts'
import type { CoordinatorState } from './state.ts'
import type { Branch, EndRecord, Transaction } from './transaction.ts'

const version = 3

interface HeadLine {
  readonly version: number
  readonly lastId: number
  readonly committedTotal: number
  readonly rolledBackTotal: number
  /** How many of the transactions have not finished. */
  readonly activeCount: number
  readonly endCount: number
}

type TransactionLine = Omit<Transaction, 'branches'> & { readonly branches: number }

type BranchLine = Omit<Branch, 'locks'> & {
  readonly locks: readonly (readonly [table: string, key: string, since: number])[]
}

interface Snapshot {
  readonly head: HeadLine
  readonly ends: readonly EndRecord[]
  readonly transactions: readonly Transaction[]
}

export function encodeSnapshot(state: CoordinatorState): Uint8Array {
  const lines = new LineWriter()
  const { lastId, committedTotal, rolledBackTotal } = state
  const activeCount = state.transactions.size
  const ends = [...state.ends()]
  const endCount = ends.length
  const head: HeadLine = {
    version,
    lastId,
    committedTotal,
    rolledBackTotal,
    activeCount,
    endCount,
  }
  lines.write(head)
  for (const end of ends) lines.write(end)
  for (const transaction of state.transactions.values()) writeTransaction(transaction, lines)
  for (const transaction of state.history()) writeTransaction(transaction, lines)
  return lines.take()
}

function writeTransaction(transaction: Transaction, lines: LineWriter): void {
  const { branches } = transaction
  const line: TransactionLine = { ...transaction, branches: branches.length }
  lines.write(line)
  for (const branch of branches) {
    const locks = branch.locks.map(({ table, key, since }) => [table, key, since] as const)
    const branchLine: BranchLine = { ...branch, locks }
    lines.write(branchLine)
  }
}

/**
 * Replaces everything in `state`.
 * @throws SETTEE_TX_BAD_RECORD when the bytes are no snapshot of a version that is known.
 */
export function restoreSnapshot(state: CoordinatorState, bytes: Uint8Array): void {
  const { head, ends, transactions } = decodeSnapshot(bytes)
  state.clear()
  state.lastId = head.lastId
  state.committedTotal = head.committedTotal
  state.rolledBackTotal = head.rolledBackTotal
  for (const end of ends) state.rememberEnd(end)
  for (const [index, transaction] of transactions.entries()) {
    if (index >= head.activeCount) {
      state.remember(transaction)
      continue
    }
    state.add(transaction)
    for (const branch of transaction.branches) {
      for (const lock of branch.locks) state.locks.insert(lock)
    }
  }
}

function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const lines = readLines(bytes)
  const head = lines.next().value as HeadLine | null | undefined
  if (head?.version !== version) {
    throw badSnapshot(`its version is ${head?.version}, this coordinator reads ${version}`)
  }
  const ends: EndRecord[] = []
  for (let i = head.endCount; i > 0; i--) {
    const end = lines.next().value as EndRecord | undefined
    if (end === undefined) throw badSnapshot('an end is missing')
    ends.push(end)
  }
  const transactions: Transaction[] = []
  for (const line of lines) transactions.push(readTransaction(line as TransactionLine, lines))
  return { head, ends, transactions }
}

function readTransaction(line: TransactionLine, lines: Iterator<unknown>): Transaction {
  const branches: Branch[] = []
  for (let i = 0; i < line.branches; i++) {
    const branch = lines.next().value as BranchLine | undefined
    if (branch === undefined) throw badSnapshot(`a branch of ${line.xid} is missing`)
    const { branchId, resourceId } = branch
    const locks = branch.locks.map(([table, key, since]) => {
      return { resourceId, table, key, xid: line.xid, branchId, since }
    })
    branches.push({ ...branch, locks })
  }
  return { ...line, branches }
}

/** Bytes are made when this many UTF-16 units have gathered. */
const chunkLength = 2 ** 20
const newline = 0x0a

class LineWriter {
  readonly #encoder = new TextEncoder()
  readonly #chunks: Uint8Array[] = []
  #text = ''

  write(value: unknown): void {
    this.#text += `${JSON.stringify(value)}\n`
    if (this.#text.length >= chunkLength) this.#flush()
  }

  take(): Uint8Array {
    this.#flush()
    const bytes = new Uint8Array(this.#chunks.reduce((total, { length }) => total + length, 0))
    let offset = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, offset)
      offset += chunk.length
    }
    return bytes
  }

  #flush(): void {
    this.#chunks.push(this.#encoder.encode(this.#text))
    this.#text = ''
  }
}

function* readLines(bytes: Uint8Array): Generator<unknown, undefined> {
  const decoder = new TextDecoder()
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start)
    const end = found === -1 ? bytes.length : found
    const line = decoder.decode(bytes.subarray(start, end))
    start = end + 1
    try {
      yield JSON.parse(line)
    } catch (error) {
      throw badSnapshot(messageOf(error))
    }
  }
}

function badSnapshot(why: string): Error {
  return txError(
    'SETTEE_TX_BAD_RECORD',
    `the snapshot of the transaction coordinator cannot be read: ${why}; ` +
      'start the version that wrote it, or restore the data directory from a backup',
  )
}
