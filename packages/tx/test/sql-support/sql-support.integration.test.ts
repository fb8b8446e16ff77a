/**
 * The page docs/sql-support.md is true: each form of SQL is undone to the byte or refused with the
 * message that stands there, in each dialect.
 */
import { after, before, describe, test } from 'node:test'
import { checkForm } from './check-form.ts'
import type { Dialect } from './form.ts'
import type { FormDatabase } from './form-database.ts'
import { formGroups } from './forms.ts'
import { openMysqlDatabase } from './mysql-database.ts'
import { openPostgresDatabase } from './postgres-database.ts'
import { openSqliteDatabase } from './sqlite-database.ts'

const openers: Readonly<Record<Dialect, () => Promise<FormDatabase>>> = {
  postgres: openPostgresDatabase,
  mysql: openMysqlDatabase,
  sqlite: openSqliteDatabase,
}

for (const [dialect, open] of Object.entries(openers) as [Dialect, typeof openMysqlDatabase][]) {
  describe(`forms of SQL: ${dialect}`, () => {
    let database: FormDatabase
    before(async () => {
      database = await open()
    })
    after(() => database.stop())

    for (const { title, forms } of formGroups) {
      for (const form of forms) {
        const cell = form[dialect]
        if (cell.kind === 'absent') continue
        test(`${title}: ${form.name}: ${cell.kind}`, () => checkForm(database, dialect, cell))
      }
    }
  })
}
