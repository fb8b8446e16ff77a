/**
 * Prisma 7 with its driver adapters. Its command line wants a schema engine, which it would
 * download; generating a client needs none, so that any program stands in for it.
 */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import mariadb from 'mariadb'
import pg from 'pg'
import { testOrm, type OpenOrm } from './scenario.ts'

/** What the tests use of a generated client. */
interface GeneratedClient {
  $transaction<Result>(work: (local: GeneratedClient) => Promise<Result>): Promise<Result>
  $disconnect(): Promise<void>
  readonly account: Record<
    'create' | 'createMany' | 'update' | 'delete',
    (call: object) => Promise<unknown>
  >
}

async function openPrisma(provider: 'postgresql' | 'mysql', adapter: object): Promise<OpenOrm> {
  const require = createRequire(import.meta.url)
  await promisify(execFile)(
    process.execPath,
    [require.resolve('prisma/build/index.js'), 'generate', '--schema', `prisma/${provider}.prisma`],
    {
      cwd: import.meta.dirname,
      env: { ...process.env, NODE_OPTIONS: '', PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true' },
    },
  )
  const { PrismaClient } = require(`./generated/${provider}`) as {
    PrismaClient: new (options: object) => GeneratedClient
  }
  const prisma = new PrismaClient({ adapter })
  return {
    change: () =>
      prisma.$transaction(async (local) => {
        await local.account.create({ data: { owner: 'Cy', money: '30.10' } })
        await local.account.createMany({ data: [{ owner: 'Di', money: '40.20', note: 'new' }] })
        await local.account.update({
          where: { owner: 'Ann' },
          data: { money: { increment: '1.05' } },
        })
        await local.account.delete({ where: { owner: 'Bo' } })
      }),
    close: () => prisma.$disconnect(),
  }
}

testOrm('Prisma', {
  async postgres(tx, { host, port, user, password, name: database }) {
    const pool = tx.at(new pg.Pool({ host, port, user, password, database }))
    const orm = await openPrisma('postgresql', new PrismaPg(pool))
    return { ...orm, close: () => orm.close().then(() => pool.end()) }
  },
  async mariadb(tx, { host, port, user, password, name: database, jdbcUrl }) {
    // A pool of this driver does not tell where it goes.
    const options = { resourceId: jdbcUrl, database }
    const pool = tx.at(mariadb.createPool({ host, port, user, password, database }), options)
    const orm = await openPrisma('mysql', new PrismaMariaDb(pool, { database }))
    return { ...orm, close: () => orm.close().then(() => pool.end()) }
  },
})
