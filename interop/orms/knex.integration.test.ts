import knex, { type Knex } from 'knex'
import mysql from 'mysql2'
import pg from 'pg'
import { testOrm, type OpenOrm } from './scenario.ts'

/** Knex opens connections by itself, with the driver that its client names. */
function openKnex(client: unknown, connection: object): OpenOrm {
  const db = knex({ client: client as typeof Knex.Client, connection })
  return {
    change: () =>
      db.transaction(async (local) => {
        await local('account').insert([
          { owner: 'Cy', money: '30.10' },
          { owner: 'Di', money: '40.20', note: 'new' },
        ])
        await local('account').where({ owner: 'Ann' }).increment('money', 1.05)
        await local('account').where({ owner: 'Bo' }).delete()
      }),
    close: () => db.destroy(),
  }
}

const { Client_PG, Client_MySQL2 } = await loadClients()

/** The clients are not among the names that Knex exports as an ES module. */
async function loadClients(): Promise<Record<'Client_PG' | 'Client_MySQL2', new () => object>> {
  const [postgres, mysql2] = await Promise.all([
    import('knex/lib/dialects/postgres/index.js'),
    import('knex/lib/dialects/mysql2/index.js'),
  ])
  return { Client_PG: postgres.default, Client_MySQL2: mysql2.default }
}

testOrm('Knex', {
  async postgres(tx, { host, port, user, password, name: database }) {
    const driver = tx.atDriver(pg)
    class Client extends Client_PG {
      _driver(): unknown {
        return driver
      }
    }
    return openKnex(Client, { host, port, user, password, database })
  },
  async mariadb(tx, { host, port, user, password, name: database }) {
    const driver = tx.atDriver(mysql)
    class Client extends Client_MySQL2 {
      _driver(): unknown {
        return driver
      }
    }
    return openKnex(Client, { host, port, user, password, database })
  },
})
