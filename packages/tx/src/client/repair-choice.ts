/**
 * What a person decided about a branch whose rows somebody else changed. It travels to the resource
 * manager in the `applicationData` of a branch rollback, as `{"repair":{"choice":"before"}}`, and
 * only there: peers of other makers have no word for it.
 */

/**
 * Which state a dirty row gets: the one before the branch, the one in which the branch left it, or
 * the one in which it is now. Rows that nobody else changed are rolled back in each case.
 */
export type RepairChoice = 'before' | 'after' | 'now'

export const repairChoices: readonly RepairChoice[] = ['before', 'after', 'now']

/** @returns undefined when nobody has decided anything. */
export function decodeRepairChoice(applicationData: string): RepairChoice | undefined {
  if (!applicationData.includes('"repair"')) return undefined
  try {
    const { repair } = JSON.parse(applicationData) as { repair?: { choice?: unknown } }
    return repairChoices.find((choice) => choice === repair?.choice)
  } catch {
    return undefined
  }
}
