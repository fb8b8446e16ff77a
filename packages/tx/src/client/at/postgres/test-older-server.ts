/** A pool whose server says that it is PostgreSQL 17, for what is done otherwise from 18 on. */
import type pg from 'pg'
import { withOwn, type PgClient, type PgPool, type PgQuery, type PgResult } from './pg-driver.ts'

export interface OlderServerOptions {
  /** Runs behind each query of a client. */
  readonly after?: (text: string) => Promise<void>
}

export function asOlderServer(pool: pg.Pool, { after }: OlderServerOptions = {}): pg.Pool {
  const ask =
    (target: { query(...args: unknown[]): unknown }) =>
    (...args: unknown[]): unknown => {
      const [query] = args as [PgQuery]
      if (query.text !== 'SHOW server_version_num') {
        const running = target.query(...args)
        if (after === undefined) return running
        return (running as Promise<unknown>).then(async (result) => {
          await after(query.text)
          return result
        })
      }
      return Promise.resolve({ rows: [{ server_version_num: '170000' }] } as unknown as PgResult)
    }
  const older: unknown = withOwn(pool, {
    query: ask(pool as never),
    connect: async () => {
      const client = await (pool as unknown as PgPool).connect()
      return withOwn<PgClient>(client, { query: ask(client as never) })
    },
  })
  return older as pg.Pool
}
