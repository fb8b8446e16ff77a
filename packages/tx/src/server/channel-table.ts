/**
 * Which connection can end a branch: the resource managers by what they serve. Original:
 * org.apache.seata.core.rpc.netty.ChannelManager.
 *
 * A branch belongs to `applicationId:ip:port`. Its end goes, in this order, to that very process;
 * to another process of the same application on the same machine; to one on another machine; and
 * for AT to any application that has registered the same resource, because the undo log is in the
 * database and not in the process. The end of a saga goes to whoever serves its resource, which is
 * named after the application that began it.
 */
import { isIP } from 'node:net'
import { BranchType } from '../protocol/status.ts'

/** A connection of a resource manager. */
export interface Channel {
  /** `applicationId:ip:port`. */
  readonly clientId: string
  readonly applicationId: string
  /** Host of the process. */
  readonly ip: string
  readonly isOpen: boolean
}

export class ChannelTable<One extends Channel> {
  readonly #byResource = new Map<string, Set<One>>()
  readonly #resourcesOf = new Map<One, Set<string>>()

  /** Resources that somebody serves. */
  get resources(): Iterable<string> {
    return this.#byResource.keys()
  }

  /** How many resources `channel` serves. */
  resourceCountOf(channel: One): number {
    return this.#resourcesOf.get(channel)?.size ?? 0
  }

  add(channel: One, resourceId: string): void {
    let channels = this.#byResource.get(resourceId)
    if (channels === undefined) this.#byResource.set(resourceId, (channels = new Set()))
    channels.add(channel)
    let resources = this.#resourcesOf.get(channel)
    if (resources === undefined) this.#resourcesOf.set(channel, (resources = new Set()))
    resources.add(resourceId)
  }

  removeResource(channel: One, resourceId: string): void {
    this.#resourcesOf.get(channel)?.delete(resourceId)
    const channels = this.#byResource.get(resourceId)
    channels?.delete(channel)
    if (channels?.size === 0) this.#byResource.delete(resourceId)
  }

  remove(channel: One): void {
    for (const resourceId of this.#resourcesOf.get(channel) ?? []) {
      this.removeResource(channel, resourceId)
    }
    this.#resourcesOf.delete(channel)
  }

  /** Where the end of a branch goes; undefined when nobody can end it now. */
  find(branch: { resourceId: string; clientId: string; branchType: BranchType }): One | undefined {
    const { resourceId, clientId, branchType } = branch
    let best: One | undefined
    let bestRank = branchType === BranchType.AT || branchType === BranchType.SAGA ? 4 : 3
    for (const channel of this.#byResource.get(resourceId) ?? []) {
      if (!channel.isOpen) continue
      const rank = rankOf(channel, clientId)
      if (rank >= bestRank) continue
      best = channel
      bestRank = rank
    }
    return best
  }
}

/** 0 is best; 3 is another application. */
function rankOf(channel: Channel, clientId: string): number {
  if (channel.clientId === clientId) return 0
  const ip = addressBehind(channel.applicationId, clientId)
  if (ip === undefined) return 3
  return ip === channel.ip ? 1 : 2
}

/**
 * The address in a client id of this application; undefined when it is of another. Names may
 * contain colons, and so do addresses of IPv6: only who knows the one can tell the other.
 */
function addressBehind(applicationId: string, clientId: string): string | undefined {
  if (!clientId.startsWith(`${applicationId}:`)) return undefined
  const ip = clientId.slice(applicationId.length + 1, clientId.lastIndexOf(':'))
  return isIP(ip) === 0 ? undefined : ip
}
