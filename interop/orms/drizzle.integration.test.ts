import { eq } from 'drizzle-orm'
import {
  decimal,
  int,
  mysqlTable,
  text as mysqlText,
  varchar as mysqlVarchar,
} from 'drizzle-orm/mysql-core'
import { drizzle as drizzleMysql } from 'drizzle-orm/mysql2'
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres'
import { numeric, pgTable, serial, text, varchar } from 'drizzle-orm/pg-core'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { testOrm } from './scenario.ts'

const pgAccount = pgTable('account', {
  id: serial().primaryKey(),
  owner: varchar({ length: 40 }).notNull(),
  money: numeric({ precision: 12, scale: 2 }).notNull(),
  note: text(),
})

const mysqlAccount = mysqlTable('account', {
  id: int().primaryKey().autoincrement(),
  owner: mysqlVarchar({ length: 40 }).notNull(),
  money: decimal({ precision: 12, scale: 2 }).notNull(),
  note: mysqlText(),
})

const rows = [
  { owner: 'Cy', money: '30.10' },
  { owner: 'Di', money: '40.20', note: 'new' },
]

testOrm('Drizzle', {
  async postgres(tx, { host, port, user, password, name: database }) {
    const pool = tx.at(new pg.Pool({ host, port, user, password, database }))
    const db = drizzlePostgres({ client: pool })
    return {
      change: () =>
        db.transaction(async (local) => {
          await local.insert(pgAccount).values(rows)
          await local.update(pgAccount).set({ money: '101.05' }).where(eq(pgAccount.owner, 'Ann'))
          await local.delete(pgAccount).where(eq(pgAccount.owner, 'Bo'))
        }),
      close: () => pool.end(),
    }
  },
  async mariadb(tx, { host, port, user, password, name: database }) {
    const pool = tx.at(mysql.createPool({ host, port, user, password, database }))
    const db = drizzleMysql({ client: pool })
    return {
      change: () =>
        db.transaction(async (local) => {
          await local.insert(mysqlAccount).values(rows).$returningId()
          await local
            .update(mysqlAccount)
            .set({ money: '101.05' })
            .where(eq(mysqlAccount.owner, 'Ann'))
          await local.delete(mysqlAccount).where(eq(mysqlAccount.owner, 'Bo'))
        }),
      close: () => pool.end(),
    }
  },
})
