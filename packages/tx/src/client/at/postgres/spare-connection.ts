/**
 * One connection as a pool, for phase two where the application has given no pool: opened when it
 * is needed, kept until it breaks, used by one after the other, and no reason for the process to
 * stay alive while nobody uses it.
 */
import {
  ignoreError,
  type PgClient,
  type PgPool,
  type PgQuery,
  type PgResult,
} from './pg-driver.ts'

/** A connection of `pg` that is no pool's. */
export interface PgSingle extends PgClient {
  connect(): Promise<unknown>
  end(): Promise<unknown>
  ref(): void
  unref(): void
}

export interface SpareConnection extends PgPool {
  /** Ends it behind those who use it. */
  end(): Promise<void>
}

export function createSpareConnection(
  open: () => PgSingle,
  options: PgPool['options'],
): SpareConnection {
  let kept: Promise<PgSingle> | undefined
  let tail: Promise<unknown> = Promise.resolve()

  async function openNew(): Promise<PgSingle> {
    const client = open()
    client.on('error', ignoreError)
    await client.connect()
    return client
  }

  async function lend(returned: () => void): Promise<PgClient> {
    kept ??= openNew()
    const client = await kept.catch((error: unknown) => {
      kept = undefined
      returned()
      throw error
    })
    client.ref()
    client.release = (error) => {
      client.unref()
      if (error !== undefined && error !== false) {
        kept = undefined
        void client.end().catch(ignoreError)
      }
      returned()
    }
    return client
  }

  function connect(): Promise<PgClient> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const lent = tail.then(() => lend(resolve))
    tail = promise
    return lent
  }

  return {
    options,
    connect,
    async query(query: PgQuery): Promise<PgResult> {
      const client = await connect()
      let isBroken = true
      try {
        const result = await client.query(query)
        isBroken = false
        return result
      } finally {
        client.release(isBroken)
      }
    },
    async end() {
      await tail
      const client = await kept?.catch(ignoreError)
      kept = undefined
      await client?.end()
    },
  }
}
