/**
 * Plans of statements, each text analysed once. The grammar is loaded with the first, and the
 * server is asked then which version it is.
 */
import { createParseCache, loadPostgresGrammar } from '@settee/sql/postgres'
import { analyzeSql } from './analyze-sql.ts'
import type { Connection } from './pg-driver.ts'
import type { Plan } from './plan.ts'
import type { ServerFeatures } from './write-target.ts'

/** About what a plan takes beside the texts that are spliced from the statement's own, in bytes. */
const planBytes = 6 * 1024

/** The first version whose RETURNING knows old and new rows, as server_version_num says it. */
const returningOldVersion = 180_000

/** @param maxBytes most that the plans may take, as estimated. */
export function createPlanner(
  maxBytes: number,
): (client: Connection, text: string) => Promise<Plan> {
  const plans = createParseCache<Plan>({ maxBytes })
  let features: ServerFeatures | undefined

  return async (client, text) => {
    const known = plans.get(text)
    if (known !== undefined) return known
    features ??= await readFeatures(client)
    const plan = analyzeSql({ grammar: await loadPostgresGrammar(), features }, text)
    plans.set(text, plan, planBytes + 4 * text.length)
    return plan
  }
}

async function readFeatures(client: Connection): Promise<ServerFeatures> {
  const { rows } = await client.query({ text: 'SHOW server_version_num' })
  const version = Number((rows as { server_version_num: string }[])[0]!.server_version_num)
  return { hasReturningOld: version >= returningOldVersion }
}
