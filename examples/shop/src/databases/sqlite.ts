/** SQLite: one file a service in the run's folder. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ServiceName } from '../services/main.ts'
import type { DatabaseEngine } from './engine.ts'

export function openSqlite(folder: string): DatabaseEngine {
  const fileOf = (name: ServiceName): string => join(folder, `${name}.sqlite`)
  return {
    description: 'SQLite, one file a service',
    undoLogDdl: undefined,
    urlOf: (name) => `sqlite:${fileOf(name)}`,
    async query(name, sql) {
      const database = new DatabaseSync(fileOf(name), { timeout: 5000 })
      try {
        if (/^\s*select/i.test(sql)) return database.prepare(sql).all()
        database.exec(sql)
        return []
      } finally {
        database.close()
      }
    },
    close: async () => {},
  }
}
