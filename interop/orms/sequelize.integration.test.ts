import mysql from 'mysql2'
import pg from 'pg'
import { DataTypes, Sequelize, type Options } from 'sequelize'
import { testOrm, type OpenOrm } from './scenario.ts'

async function openSequelize(options: Options): Promise<OpenOrm> {
  const sequelize = new Sequelize({ logging: false, ...options })
  const Account = sequelize.define(
    'account',
    {
      owner: DataTypes.STRING(40),
      money: DataTypes.DECIMAL(12, 2),
      note: DataTypes.TEXT,
    },
    { tableName: 'account', timestamps: false },
  )
  return {
    change: () =>
      sequelize.transaction(async (transaction) => {
        await Account.create({ owner: 'Cy', money: '30.10' }, { transaction })
        await Account.bulkCreate([{ owner: 'Di', money: '40.20', note: 'new' }], { transaction })
        await Account.update({ money: '101.05' }, { where: { owner: 'Ann' }, transaction })
        await Account.destroy({ where: { owner: 'Bo' }, transaction })
      }),
    close: () => sequelize.close(),
  }
}

testOrm('Sequelize', {
  postgres: (tx, { host, port, user, password, name }) =>
    openSequelize({
      dialect: 'postgres',
      dialectModule: tx.atDriver(pg),
      host,
      port,
      username: user,
      password,
      database: name,
    }),
  mariadb: (tx, { host, port, user, password, name }) =>
    openSequelize({
      dialect: 'mysql',
      dialectModule: tx.atDriver(mysql),
      host,
      port,
      username: user,
      password,
      database: name,
    }),
})
