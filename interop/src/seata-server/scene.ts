/** What the checks against the Seata server share: the server behind a tap, and our client. */
import { isSetteeError } from '@settee/kit'
import { createTx, type Tx } from '@settee/tx'
import mysql from 'mysql2/promise'
import { createDatabase, type TestDatabase, type TestDatabases } from '../harness-databases.ts'
import { openTap, type Tap, type TappedFrame } from '../harness-tap.ts'
import { resetAccounts } from '../java-clients/scene.ts'
import { startSeataServer, type SeataServer } from './seata-server.ts'

/** A database under global transactions by our client. */
export interface AtDatabase {
  readonly database: TestDatabase
  /** Runs statements one after the other, each a branch of its own inside of a transaction. */
  readonly run: (...statements: readonly string[]) => Promise<void>
  /** Runs statements in one local transaction. */
  readonly runLocal: (...statements: readonly string[]) => Promise<void>
}

export interface ServerScene {
  readonly server: SeataServer
  readonly tap: Tap
  readonly tx: Tx
  /** A second application with databases of its own on the same servers. */
  readonly other: Tx
  readonly databases: readonly { readonly at: AtDatabase; readonly otherAt: AtDatabase }[]
  stop(): Promise<void>
}

export async function openServerScene(servers: TestDatabases): Promise<ServerScene> {
  const server = await startSeataServer()
  const tap = await openTap(() => server.address)
  const tx = createTx({ applicationId: 'settee', address: tap.address })
  const other = createTx({ applicationId: 'settee-other', address: tap.address })
  const stop = async (): Promise<void> => {
    await Promise.all([tx.close(), other.close()])
    await tap.stop()
    await server.stop()
  }
  try {
    const databases = []
    for (const kind of ['postgres', 'mariadb'] as const) {
      const database = await createDatabase(servers, kind, 'seata_server')
      await createAccounts(database)
      const openAt = kind === 'postgres' ? openPostgresAt : openMariadbAt
      const at = openAt(tx, servers, database)
      const otherAt = openAt(other, servers, database)
      databases.push({ at, otherAt })
    }
    return { server, tap, tx, other, databases, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Longest wait for global locks, in ms. */
const lockWaitMs = 3000

function openPostgresAt(tx: Tx, servers: TestDatabases, database: TestDatabase): AtDatabase {
  const pool = tx.at(servers.postgres.openPool(database.name), { lockWaitMs })
  return {
    database,
    async run(...statements) {
      for (const statement of statements) await pool.query(statement)
    },
    async runLocal(...statements) {
      await pool.transaction(async (client) => {
        for (const statement of statements) await client.query(statement)
      })
    },
  }
}

function openMariadbAt(tx: Tx, servers: TestDatabases, database: TestDatabase): AtDatabase {
  const { host, port, user, password } = servers.mariadb
  const pool = mysql.createPool({ host, port, user, password, database: database.name })
  tx.at(pool, { lockWaitMs })

  async function attempt(statements: readonly string[]): Promise<void> {
    const connection = await pool.getConnection()
    try {
      await connection.beginTransaction()
      for (const statement of statements) await connection.query(statement)
      await connection.commit()
    } catch (error) {
      await connection.rollback()
      throw error
    } finally {
      connection.release()
    }
  }

  return {
    database,
    async run(...statements) {
      for (const statement of statements) await pool.query(statement)
    },
    /** A COMMIT waits for a moment only, so that the application runs the transaction again. */
    async runLocal(...statements) {
      const deadlineMs = performance.now() + lockWaitMs
      for (;;) {
        try {
          return await attempt(statements)
        } catch (error) {
          if (!isSetteeError(error, 'SETTEE_TX_LOCK_CONFLICT')) throw error
          if (performance.now() > deadlineMs) throw error
        }
      }
    },
  }
}

export async function createAccounts(database: TestDatabase): Promise<void> {
  await database.query('CREATE TABLE account (id INT PRIMARY KEY, owner VARCHAR(40), money INT)')
  await resetAccounts(database)
}

export class WantedFailure extends Error {}

/** Runs `work` in a global transaction that rolls back; returns its xid. */
export async function rollBackAfter(tx: Tx, work: (xid: string) => Promise<void>): Promise<string> {
  let xid = ''
  try {
    await tx.run({ name: 'rolls back' }, async () => {
      xid = tx.currentXid()!
      await work(xid)
      throw new WantedFailure('wanted')
    })
  } catch (error) {
    const { rollbackFailure } = error as { rollbackFailure?: unknown }
    if (!(error instanceof WantedFailure) || rollbackFailure !== undefined) throw error
  }
  return xid
}

/** A transaction that another one has to wait for. */
export interface HeldTransaction {
  readonly xid: string
  commit(): Promise<void>
  rollBack(): Promise<void>
}

/** Begins a transaction, runs `work` in it and keeps it open. */
export async function holdTransaction(tx: Tx, work: () => Promise<void>): Promise<HeldTransaction> {
  const begun = Promise.withResolvers<string>()
  const end = Promise.withResolvers<void>()
  const ended = tx.run({ name: 'holds' }, async () => {
    const xid = tx.currentXid()!
    await work()
    begun.resolve(xid)
    await end.promise
  })
  ended.catch(begun.reject)
  const xid = await begun.promise
  return {
    xid,
    async commit() {
      end.resolve()
      await ended
    },
    async rollBack() {
      end.reject(new WantedFailure('wanted'))
      await ended.catch((error: unknown) => {
        if (!(error instanceof WantedFailure)) throw error
      })
    },
  }
}

/** Frames of one message type since the frame number `from`. */
export function framesOf(
  { tap }: { readonly tap: Tap },
  from: number,
  type: number,
): TappedFrame[] {
  return tap.frames.slice(from).filter(({ message }) => message?.type === type)
}
