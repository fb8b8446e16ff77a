import { Kysely, MysqlDialect, PostgresDialect, sql, type Generated } from 'kysely'
import mysql from 'mysql2'
import pg from 'pg'
import { testOrm, type OpenOrm } from './scenario.ts'

interface Tables {
  account: { id: Generated<number>; owner: string; money: string; note?: string | null }
}

function openKysely(db: Kysely<Tables>): OpenOrm {
  return {
    change: () =>
      db.transaction().execute(async (local) => {
        await local
          .insertInto('account')
          .values([
            { owner: 'Cy', money: '30.10' },
            { owner: 'Di', money: '40.20', note: 'new' },
          ])
          .execute()
        await local
          .updateTable('account')
          .set({ money: sql`money + 1.05` })
          .where('owner', '=', 'Ann')
          .execute()
        await local.deleteFrom('account').where('owner', '=', 'Bo').execute()
      }),
    close: () => db.destroy(),
  }
}

testOrm('Kysely', {
  async postgres(tx, { host, port, user, password, name: database }) {
    const pool = tx.at(new pg.Pool({ host, port, user, password, database }))
    return openKysely(new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }))
  },
  async mariadb(tx, { host, port, user, password, name: database }) {
    const pool = tx.at(mysql.createPool({ host, port, user, password, database }))
    return openKysely(new Kysely<Tables>({ dialect: new MysqlDialect({ pool }) }))
  },
})
