import { EntitySchema } from '@mikro-orm/core'
import { MikroORM as MariadbOrm } from '@mikro-orm/mariadb'
import { MikroORM as PostgresOrm } from '@mikro-orm/postgresql'
import { MysqlDialect, PostgresDialect } from 'kysely'
import mysql from 'mysql2'
import pg from 'pg'
import { testOrm, type OpenOrm } from './scenario.ts'

interface Account {
  id: number
  owner: string
  money: string
  note?: string | null
}

const Account = new EntitySchema<Account>({
  name: 'Account',
  tableName: 'account',
  properties: {
    id: { type: 'number', primary: true, autoincrement: true },
    owner: { type: 'string', length: 40 },
    money: { type: 'decimal', precision: 12, scale: 2, runtimeType: 'string' },
    note: { type: 'text', nullable: true },
  },
})

function openMikroOrm(orm: Pick<PostgresOrm, 'em' | 'close'>, end: () => unknown): OpenOrm {
  return {
    change: () =>
      orm.em.fork().transactional(async (em) => {
        em.create(Account, { owner: 'Cy', money: '30.10' } as Account)
        em.create(Account, { owner: 'Di', money: '40.20', note: 'new' } as Account)
        const ann = await em.findOneOrFail(Account, { owner: 'Ann' })
        ann.money = '101.05'
        em.remove(await em.findOneOrFail(Account, { owner: 'Bo' }))
        await em.flush()
      }),
    async close() {
      await orm.close()
      await end()
    },
  }
}

testOrm('MikroORM', {
  async postgres(tx, { host, port, user, password, name: database }) {
    const pool = tx.at(new pg.Pool({ host, port, user, password, database }))
    const orm = await PostgresOrm.init({
      entities: [Account],
      dbName: database,
      driverOptions: new PostgresDialect({ pool }),
    })
    return openMikroOrm(orm, () => {})
  },
  async mariadb(tx, { host, port, user, password, name: database }) {
    const pool = tx.at(mysql.createPool({ host, port, user, password, database }))
    const orm = await MariadbOrm.init({
      entities: [Account],
      dbName: database,
      driverOptions: new MysqlDialect({ pool }),
    })
    return openMikroOrm(orm as unknown as PostgresOrm, () => {})
  },
})
