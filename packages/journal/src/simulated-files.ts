/**
 * A simulated disk behind the {@link JournalFiles} port: it loses power at a chosen operation and
 * then forgets any part of what was not flushed, sector by sector; it fails, writes short and fills
 * up on demand. The same seed loses the same sectors.
 *
 * What survives a power loss: of every write since the last `sync` of its file, each sector of 512
 * bytes by itself; of every change of names since the last `syncDir`, each change by itself. That
 * is more than real disks and file systems lose, which keep some order.
 */
import path from 'node:path'
import { assert, type Random } from '@settee/kit'
import type { JournalFile, JournalFiles } from './files.ts'

const sectorBytes = 512

export type DiskOperation = 'create' | 'open' | 'read' | 'write' | 'sync' | 'rename' | 'remove'

export interface SimulatedFiles extends JournalFiles {
  /** Asked before every operation: an error makes it fail, a number makes a write that short. */
  fault: ((operation: DiskOperation, file: string) => Error | number | undefined) | undefined
  /** Cuts the power at the `count`-th operation from now: it and all later ones never end. */
  cutPowerAfter(count: number): void
  /** Resolves when the power is cut. */
  readonly powerCut: Promise<void>
  /** Power comes back: loses what was not flushed. Files opened before stay dead. */
  restart(): void
  /** Content of a file, for looking and for damaging it. */
  content(file: string): Uint8Array
  readonly names: readonly string[]
}

interface Inode {
  content: Uint8Array
  durable: Uint8Array
  unsynced: { readonly at: number; readonly bytes: Uint8Array }[]
}

/** `name` gets the inode, or disappears when there is none. */
type NameChange = readonly { readonly name: string; readonly inode: Inode | undefined }[]

export function createSimulatedFiles(random: Random): SimulatedFiles {
  return new SimulatedDisk(random)
}

class SimulatedDisk implements SimulatedFiles {
  fault: SimulatedFiles['fault'] = undefined
  powerCut: Promise<void> = Promise.resolve()
  readonly #random: Random
  #inodes = new Map<string, Inode>()
  #durableInodes = new Map<string, Inode>()
  #unsyncedNames: NameChange[] = []
  #operationsLeft = Infinity
  #onPowerCut: (() => void) | undefined
  /** Which life of the machine this is: files opened in an earlier one are dead. */
  #life = 0

  constructor(random: Random) {
    this.#random = random
  }

  get names(): readonly string[] {
    return [...this.#inodes.keys()]
  }

  content(file: string): Uint8Array {
    return this.#inode(file).content
  }

  cutPowerAfter(count: number): void {
    this.#operationsLeft = count
    this.powerCut = new Promise((resolve) => (this.#onPowerCut = resolve))
  }

  restart(): void {
    this.#life++
    this.#operationsLeft = Infinity
    // All lost, all kept, or each by itself.
    const survival = this.#random.below(3) / 2
    for (const change of this.#unsyncedNames) {
      if (this.#random.float() < survival) applyChange(this.#durableInodes, change)
    }
    this.#unsyncedNames = []
    this.#inodes = new Map(this.#durableInodes)
    for (const inode of this.#inodes.values()) loseUnsynced(inode, survival, this.#random)
  }

  async makeDir(): Promise<void> {}

  lockDir(): Promise<() => Promise<void>> {
    return Promise.resolve(() => Promise.resolve())
  }

  list(dir: string): Promise<string[]> {
    const names = this.names.filter((name) => path.dirname(name) === dir)
    return Promise.resolve(names.map((name) => path.basename(name)))
  }

  async create(file: string): Promise<JournalFile> {
    await this.operate('create', file)
    const inode: Inode = { content: new Uint8Array(0), durable: new Uint8Array(0), unsynced: [] }
    this.#changeNames([{ name: file, inode }])
    return this.#handle(file, inode)
  }

  async open(file: string): Promise<JournalFile> {
    await this.operate('open', file)
    return this.#handle(file, this.#inode(file))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.operate('rename', from)
    const inode = this.#inode(from)
    this.#changeNames([
      { name: from, inode: undefined },
      { name: to, inode },
    ])
  }

  async remove(file: string): Promise<void> {
    await this.operate('remove', file)
    this.#changeNames([{ name: file, inode: undefined }])
  }

  async syncDir(dir: string): Promise<void> {
    await this.operate('sync', dir)
    for (const change of this.#unsyncedNames) applyChange(this.#durableInodes, change)
    this.#unsyncedNames = []
  }

  /** One step of the disk; gives the number of bytes that a write is cut to. */
  async operate(operation: DiskOperation, file: string): Promise<number | undefined> {
    const life = this.#life
    await new Promise(setImmediate)
    if (life !== this.#life) return new Promise(() => undefined)
    if (this.#operationsLeft-- <= 0) {
      this.#onPowerCut?.()
      return new Promise(() => undefined)
    }
    const fault = this.fault?.(operation, file)
    if (fault instanceof Error) throw fault
    return fault
  }

  #inode(file: string): Inode {
    const inode = this.#inodes.get(file)
    assert(inode !== undefined, `there is no file ${file}`)
    return inode
  }

  #changeNames(change: NameChange): void {
    applyChange(this.#inodes, change)
    this.#unsyncedNames.push(change)
  }

  #handle(file: string, inode: Inode): JournalFile {
    const operate = this.operate.bind(this)
    return {
      sizeBytes: inode.content.length,
      async read(into, at) {
        await operate('read', file)
        const bytes = inode.content.subarray(at, at + into.length)
        into.set(bytes)
        return bytes.length
      },
      async write(bytes, at) {
        const copy = new Uint8Array(bytes)
        const count = (await operate('write', file)) ?? copy.length
        const written = copy.subarray(0, count)
        inode.content = patch(inode.content, at, written)
        inode.unsynced.push({ at, bytes: written })
        return count
      },
      async sync() {
        const syncedCount = inode.unsynced.length
        await operate('sync', file)
        for (const { at, bytes } of inode.unsynced.splice(0, syncedCount)) {
          inode.durable = patch(inode.durable, at, bytes)
        }
      },
      close: () => Promise.resolve(),
    }
  }
}

function applyChange(inodes: Map<string, Inode>, change: NameChange): void {
  for (const { name, inode } of change) {
    if (inode === undefined) inodes.delete(name)
    else inodes.set(name, inode)
  }
}

/** The content with `bytes` at `at`, longer if they reach beyond its end. */
function patch(content: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  const end = at + bytes.length
  const patched = end <= content.length ? content : new Uint8Array(end)
  if (patched !== content) patched.set(content)
  patched.set(bytes, at)
  return patched
}

function loseUnsynced(inode: Inode, survival: number, random: Random): void {
  for (const { at, bytes } of inode.unsynced) {
    const end = at + bytes.length
    for (let start = at; start < end;) {
      const sectorEnd = Math.min(end, (Math.floor(start / sectorBytes) + 1) * sectorBytes)
      if (random.float() < survival) {
        inode.durable = patch(inode.durable, start, bytes.subarray(start - at, sectorEnd - at))
      }
      start = sectorEnd
    }
  }
  inode.unsynced = []
  inode.content = inode.durable.slice()
}
