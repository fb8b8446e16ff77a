/**
 * What an AT branch says about its locks in applicationData, as JSON:
 *
 *     {"autoCommit":false,"skipCheckLock":true,"lockWaitMs":300,"statement":"UPDATE t SET a = ?"}
 *
 * The first two are Seata's. `autoCommit` false means that the caller holds row locks in its
 * database meanwhile. `lockWaitMs` is Settee's: the longest wait for a lock that is held; absent,
 * the coordinator refuses at once and the client polls, as the original's does. `statement` is
 * Settee's too, for people: what made the changes, without values.
 */

export interface LockOptions {
  readonly holdsRowLocks: boolean
  /** 0 refuses at once. */
  readonly lockWaitMs: number
}

/** Reads applicationData; what is no such JSON means the defaults, as in the original. */
export function readLockOptions(applicationData: string): LockOptions {
  const fields = parseObject(applicationData)
  const { autoCommit, lockWaitMs } = fields
  return {
    holdsRowLocks: autoCommit === false,
    lockWaitMs:
      typeof lockWaitMs === 'number' && Number.isFinite(lockWaitMs) ? Math.max(lockWaitMs, 0) : 0,
  }
}

/** The statement, or '' when there is none. */
export function readStatement(applicationData: string): string {
  // Most registrations carry none, and parsing would be the dearest part of them.
  if (!applicationData.includes('"statement"')) return ''
  const { statement } = parseObject(applicationData)
  return typeof statement === 'string' ? statement : ''
}

interface Fields {
  readonly autoCommit?: unknown
  readonly lockWaitMs?: unknown
  readonly statement?: unknown
}

function parseObject(text: string): Fields {
  if (text === '') return {}
  try {
    const value = JSON.parse(text) as Fields | null
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
