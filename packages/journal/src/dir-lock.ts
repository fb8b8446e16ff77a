/**
 * One process a directory. A holder is a file `lock-N` that says who it is: process id, start time
 * of that process and boot id, so that neither kill -9 nor a reused process id leaves the directory
 * locked for ever.
 *
 *   lock-6   {"pid":812,"started":"5125","boot":"0c59…"}    dead: taken over by
 *   lock-7   {"pid":901,"started":"9127","boot":"0c59…"}    the holder
 *
 * Nobody takes a lock over by removing it, because two who find it stale could each remove the
 * lock of the other. The next number is created instead, which succeeds for one of them; and who
 * created it looks again, because a slow one may have created a number that is long outlived. The
 * file appears with its content: it is written aside and linked.
 *
 * Two containers with a process namespace each cannot see each other's processes: give a volume to
 * one container at a time.
 */
import fs from 'node:fs/promises'
import path from 'node:path'
import { journalError } from './errors.ts'

interface Holder {
  readonly pid: number
  /** Start of the process in clock ticks since the boot; empty where there is no /proc. */
  readonly started: string
  readonly boot: string
}

/** Locks `dir` or throws SETTEE_JOURNAL_LOCKED; gives the function that unlocks it. */
export async function lockDir(dir: string): Promise<() => Promise<void>> {
  const self = await describeProcess(process.pid)
  const aside = path.join(dir, `lock.${process.pid}.${performance.now()}.tmp`)
  try {
    for (;;) {
      // Again in every round: the holder of the moment clears away what it takes for leftovers.
      await fs.writeFile(aside, JSON.stringify(self))
      const newest = (await listLocks(dir)).at(-1) ?? 0
      if (newest > 0) await refuseLiveHolder(dir, newest)
      const own = newest + 1
      if (!(await tryLink(aside, lockPath(dir, own)))) continue
      if (await isNewest(dir, own)) return () => fs.rm(lockPath(dir, own), { force: true })
      await fs.rm(lockPath(dir, own), { force: true })
    }
  } finally {
    await fs.rm(aside, { force: true })
  }
}

/** Whether nobody overtook the lock `own`; then those before it are removed. */
async function isNewest(dir: string, own: number): Promise<boolean> {
  const locks = await listLocks(dir)
  if (locks.at(-1) !== own) return false
  for (const older of locks.slice(0, -1)) await fs.rm(lockPath(dir, older), { force: true })
  return true
}

function lockPath(dir: string, number: number): string {
  return path.join(dir, `lock-${number}`)
}

/** Numbers of the lock files, oldest first. */
async function listLocks(dir: string): Promise<number[]> {
  const names = await fs.readdir(dir)
  return names
    .map((name) => Number(/^lock-(\d{1,15})$/.exec(name)?.[1] ?? 0))
    .filter((number) => number > 0)
    .toSorted((a, b) => a - b)
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false
    throw error
  }
}

async function refuseLiveHolder(dir: string, number: number): Promise<void> {
  const holder = await readHolder(lockPath(dir, number))
  if (holder === undefined || !(await isAlive(holder))) return
  throw journalError(
    'SETTEE_JOURNAL_LOCKED',
    `the journal directory ${dir} is in use by process ${holder.pid}; ` +
      'stop that process or choose another directory',
    { details: { dir, pid: holder.pid } },
  )
}

/** Undefined when the lock was released meanwhile, or its content was lost with the power. */
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const { pid, started, boot } = JSON.parse(await fs.readFile(file, 'utf8')) as Partial<Holder>
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined
    return { pid, started: String(started), boot: String(boot) }
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it lives, but belongs to another user.
    if (codeOf(error) === 'ESRCH') return false
  }
  const current = await describeProcess(holder.pid)
  return current.started === holder.started && current.boot === holder.boot
}

async function describeProcess(pid: number): Promise<Holder> {
  return {
    pid,
    started: await readStartTime(pid),
    boot: (await readIfThere('/proc/sys/kernel/random/boot_id')).trim(),
  }
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and brackets. */
async function readStartTime(pid: number): Promise<string> {
  const stat = await readIfThere(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A killed process stays a zombie until its parent asks for it; it holds nothing any more.
  if (fields[0] === 'Z' || fields[0] === 'X') return 'ended'
  return fields[19] ?? ''
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await fs.readFile(file, 'utf8')
  } catch {
    // Not Linux, or the process just ended: both are told apart by comparing the rest.
    return ''
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
