/**
 * A TypeScript service alone in its process, so that it can be killed:
 * `node … COORDINATOR APPLICATION_ID DATABASES NAMESPACE`. It joins the transactions that it is
 * told of.
 */
import mysql from 'mysql2/promise'
import pg from 'pg'
import { messageOf } from '@settee/kit'
import { createTx, runWithXid, type SeataNamespace } from '@settee/tx'
import type { ServiceAnswer, ServiceDatabase, ServiceRequest } from './service.ts'

const [address, applicationId, databases, namespace] = process.argv.slice(2) as [
  string,
  string,
  string,
  SeataNamespace,
]
const tx = createTx({ address, applicationId })
const atOptions = { lockWaitMs: 5000, undoNamespace: namespace } as const
const run = new Map<string, (statement: string) => Promise<void>>()
for (const one of JSON.parse(databases) as ServiceDatabase[]) {
  const { key, kind, host, port, user, password, name } = one
  const pooled = { host, port, user, password, database: name }
  if (kind === 'postgres') {
    const pool = tx.at(new pg.Pool(pooled), atOptions)
    run.set(key, async (statement) => void (await pool.query(statement)))
  } else {
    const pool = tx.at(mysql.createPool(pooled), atOptions)
    run.set(key, async (statement) => void (await pool.query(statement)))
  }
}

process.on('message', (request: ServiceRequest) => void answer(request))
process.once('disconnect', () => process.exit())
// The coordinator has to know this process before it can be asked for anything.
await tx.run({ name: 'ready' }, () => {})
process.send!({ id: 0 } satisfies ServiceAnswer)

async function answer({ id, xid, key, statements }: ServiceRequest): Promise<void> {
  try {
    await runWithXid(xid, async () => {
      for (const statement of statements) await run.get(key)!(statement)
    })
    process.send!({ id } satisfies ServiceAnswer)
  } catch (error) {
    process.send!({ id, error: messageOf(error) } satisfies ServiceAnswer)
  }
}
