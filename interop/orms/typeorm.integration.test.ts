import mysql from 'mysql2'
import pg from 'pg'
import { DataSource, EntitySchema, type DataSourceOptions } from 'typeorm'
import { testOrm, type OpenOrm } from './scenario.ts'

interface Account {
  id: number
  owner: string
  money: string
  note: string | null
}

const account = new EntitySchema<Account>({
  name: 'account',
  columns: {
    id: { type: Number, primary: true, generated: true },
    owner: { type: String, length: 40 },
    money: { type: 'decimal', precision: 12, scale: 2 },
    note: { type: 'text', nullable: true },
  },
})

async function openTypeorm(options: object): Promise<OpenOrm> {
  const source = new DataSource({ ...options, entities: [account] } as DataSourceOptions)
  await source.initialize()
  return {
    change: () =>
      source.transaction(async (manager) => {
        const accounts = manager.getRepository(account)
        await accounts.save([
          { owner: 'Cy', money: '30.10' },
          { owner: 'Di', money: '40.20', note: 'new' },
        ])
        const ann = await accounts.findOneByOrFail({ owner: 'Ann' })
        await accounts.save({ ...ann, money: '101.05' })
        await accounts.remove(await accounts.findOneByOrFail({ owner: 'Bo' }))
      }),
    close: () => source.destroy(),
  }
}

testOrm('TypeORM', {
  postgres: (tx, { host, port, user, password, name }) =>
    openTypeorm({
      type: 'postgres',
      driver: tx.atDriver(pg),
      host,
      port,
      username: user,
      password,
      database: name,
    }),
  mariadb: (tx, { host, port, user, password, name }) =>
    openTypeorm({
      type: 'mysql',
      driver: tx.atDriver(mysql),
      host,
      port,
      username: user,
      password,
      database: name,
    }),
})
