/**
 * What the version in a client's registration decides. Seata negotiates by this text alone; one
 * that is empty or unreadable counts as the oldest.
 */

/** Whether `version`, such as `2.3.0-SNAPSHOT`, is `major.minor` or newer. */
export function isVersionAtLeast(version: string, major: number, minor: number): boolean {
  const parts = /^(\d{1,5})(?:\.(\d{1,5}))?(?:[.-]|$)/.exec(version)
  if (parts === null) return false
  const actualMajor = Number(parts[1])
  return actualMajor > major || (actualMajor === major && Number(parts[2] ?? 0) >= minor)
}

/**
 * How a client of `clientVersion` wants the messages of a MergedWarp answered: `separate` frames,
 * each with the message's own id, or one `mergeResult` in the order of the requests. Clients before
 * 1.5 send no message ids at all; the MergeResult is the same for them.
 */
export function mergedReplyForm(clientVersion: string): 'separate' | 'mergeResult' {
  return isVersionAtLeast(clientVersion, 2, 3) ? 'separate' : 'mergeResult'
}
