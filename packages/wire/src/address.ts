/** Addresses as people write them: `host:port`, with an IPv6 address in brackets. */
const form = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/

/** Reads `host:port` or `[::1]:port`; undefined when `address` has another form. */
export function parseAddress(address: string): { host: string; port: number } | undefined {
  const parts = form.exec(address)
  const port = Number(parts?.[3])
  if (parts === null || port > 65_535) return undefined
  return { host: parts[1] ?? parts[2]!, port }
}
