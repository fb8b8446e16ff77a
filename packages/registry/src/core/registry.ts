/**
 * The registry as a pure state machine: who publishes what, who wants to know, and which pushes
 * follow from a change. Connections are names here; sockets, clocks and pacing belong to the shell.
 *
 * What is published lives as long as the connection that published it and is never journaled: after
 * a restart its owners announce it again. Until they have, pushes are partial (see ReceivedData).
 * Original: com.alipay.sofa.registry.server.{session,data}, without their batching delays.
 */
import { registryError } from '../errors.ts'
import {
  dataInfoIdOf,
  defaultSegment,
  type BaseRegister,
  type DataBox,
  type PublisherRegister,
  type ReceivedData,
  type SubscriberRegister,
} from '../protocol/messages.ts'

export interface RegistryLimits {
  /** Different services known at once. Default 100,000. */
  readonly maxDataCount: number
  /** Publishers or subscribers of one service. Default 20,000. */
  readonly maxRegistrationsPerData: number
  /** Registrations that came over one connection. Default 20,000. */
  readonly maxRegistrationsPerConnection: number
  /** Bytes of what one registration publishes. Default 64 KiB. */
  readonly maxPublishedBytes: number
  /** Length of ids and names, in UTF-16 units. Default 1,024. */
  readonly maxNameLength: number
}

const defaultRegistryLimits: RegistryLimits = {
  maxDataCount: 100_000,
  maxRegistrationsPerData: 20_000,
  maxRegistrationsPerConnection: 20_000,
  maxPublishedBytes: 64 * 1024,
  maxNameLength: 1024,
}

export interface Publisher {
  readonly connectionId: string
  readonly register: PublisherRegister
  readonly registeredAt: number
}

export interface Subscription {
  readonly connectionId: string
  readonly register: SubscriberRegister
  pushedVersion: number
}

/** Everything about one published name. */
export interface Datum {
  readonly dataInfoId: string
  readonly dataId: string
  readonly group: string
  readonly instanceId: string
  version: number
  changedAt: number
  readonly publishers: Map<string, Publisher>
  readonly subscriptions: Map<string, Subscription>
}

/** What a step asks the shell to do: push the datum, to all its subscribers or to a new one. */
export type RegistryEffect =
  | { readonly kind: 'changed'; readonly datum: Datum }
  | { readonly kind: 'subscribed'; readonly datum: Datum; readonly subscription: Subscription }

/** One registration of a connection. */
interface Link {
  readonly kind: 'publisher' | 'subscriber'
  readonly registId: string
  readonly datum: Datum
}

/** 2020-05-01, so that versions of ms times 4096 stay exact integers for centuries. */
const versionEpochMs = 1_588_291_200_000

export class Registry {
  readonly #limits: RegistryLimits
  readonly #data = new Map<string, Datum>()
  /** Registrations of each connection, so that its end is cheap. */
  readonly #byConnection = new Map<string, Map<string, Link>>()
  #lastVersion = 0

  constructor(limits: Partial<RegistryLimits> = {}) {
    this.#limits = { ...defaultRegistryLimits, ...limits }
  }

  get data(): ReadonlyMap<string, Datum> {
    return this.#data
  }

  /** Registers, replaces or withdraws what one registration publishes. */
  stepPublish(
    connectionId: string,
    register: PublisherRegister,
    now: number,
  ): RegistryEffect | undefined {
    this.#checkNames(register)
    this.#checkSize(register)
    const datum = this.#datumOf(register)
    const known = datum.publishers.get(register.registId)
    // A repeat or a late message of an older connection must not undo what is newer.
    if (known?.connectionId === connectionId && known.register.version > register.version) {
      return undefined
    }
    const link: Link = { kind: 'publisher', registId: register.registId, datum }
    if (register.eventType === 'UNREGISTER') {
      if (known?.connectionId !== connectionId) return this.#forgetIfEmpty(datum)
      datum.publishers.delete(register.registId)
      this.#unlink(connectionId, link)
    } else {
      if (known === undefined) this.#checkCount(datum.publishers.size, datum)
      this.#link(connectionId, link)
      datum.publishers.set(register.registId, { connectionId, register, registeredAt: now })
      if (known !== undefined && isSameData(known.register.dataList, register.dataList)) {
        return undefined
      }
    }
    return this.#changed(datum, now)
  }

  /** Subscribes or withdraws a subscription; a new one is pushed the list as it stands. */
  stepSubscribe(
    connectionId: string,
    register: SubscriberRegister,
    now: number,
  ): RegistryEffect | undefined {
    this.#checkNames(register)
    const datum = this.#datumOf(register)
    const known = datum.subscriptions.get(register.registId)
    const link: Link = { kind: 'subscriber', registId: register.registId, datum }
    if (register.eventType === 'UNREGISTER') {
      if (known?.connectionId === connectionId) {
        datum.subscriptions.delete(register.registId)
        this.#unlink(connectionId, link)
      }
      return this.#forgetIfEmpty(datum)
    }
    if (known === undefined) this.#checkCount(datum.subscriptions.size, datum)
    this.#link(connectionId, link)
    if (datum.version === 0) datum.version = this.#nextVersion(now)
    const subscription: Subscription = { connectionId, register, pushedVersion: 0 }
    datum.subscriptions.set(register.registId, subscription)
    return { kind: 'subscribed', datum, subscription }
  }

  /** Withdraws everything that came over a connection that is gone. */
  stepDisconnect(connectionId: string, now: number): RegistryEffect[] {
    const registrations = this.#byConnection.get(connectionId)
    if (registrations === undefined) return []
    this.#byConnection.delete(connectionId)
    const changed = new Set<Datum>()
    for (const { kind, registId, datum } of registrations.values()) {
      const known = kind === 'publisher' ? datum.publishers : datum.subscriptions
      // The owner may have come back on a new connection before the old one was found dead.
      if (known.get(registId)?.connectionId !== connectionId) continue
      known.delete(registId)
      if (kind === 'publisher') changed.add(datum)
      this.#forgetIfEmpty(datum)
    }
    return [...changed].map((datum) => this.#changed(datum, now))
  }

  #changed(datum: Datum, now: number): RegistryEffect {
    datum.version = this.#nextVersion(now)
    datum.changedAt = now
    this.#forgetIfEmpty(datum)
    return { kind: 'changed', datum }
  }

  /** Grows with time, so that it is greater than any version of an earlier run of this server. */
  #nextVersion(now: number): number {
    this.#lastVersion = Math.max(this.#lastVersion + 1, (now - versionEpochMs) * 4096)
    return this.#lastVersion
  }

  #datumOf(register: PublisherRegister | SubscriberRegister): Datum {
    const dataInfoId = dataInfoIdOf(register)
    const known = this.#data.get(dataInfoId)
    if (known !== undefined) return known
    if (this.#data.size >= this.#limits.maxDataCount) {
      throw registryError(
        'SETTEE_REGISTRY_LIMIT',
        `${this.#data.size} services are registered, which is the limit; ` +
          `${register.dataId} was not added`,
      )
    }
    const { dataId, group, instanceId } = register
    const datum: Datum = {
      dataInfoId,
      dataId,
      group,
      instanceId,
      version: 0,
      changedAt: 0,
      publishers: new Map(),
      subscriptions: new Map(),
    }
    this.#data.set(dataInfoId, datum)
    return datum
  }

  #forgetIfEmpty(datum: Datum): undefined {
    if (datum.publishers.size === 0 && datum.subscriptions.size === 0) {
      this.#data.delete(datum.dataInfoId)
    }
  }

  #link(connectionId: string, link: Link): void {
    const key = linkKey(link)
    const links = this.#byConnection.get(connectionId)
    if (links === undefined) {
      this.#byConnection.set(connectionId, new Map([[key, link]]))
      return
    }
    if (links.size >= this.#limits.maxRegistrationsPerConnection && !links.has(key)) {
      this.#forgetIfEmpty(link.datum)
      throw registryError(
        'SETTEE_REGISTRY_LIMIT',
        `${links.size} registrations came over this connection, which is the limit; ` +
          `${link.datum.dataId} was not added`,
      )
    }
    links.set(key, link)
  }

  #unlink(connectionId: string, link: Link): void {
    const links = this.#byConnection.get(connectionId)
    links?.delete(linkKey(link))
    if (links?.size === 0) this.#byConnection.delete(connectionId)
  }

  #checkNames(register: BaseRegister): void {
    const { maxNameLength } = this.#limits
    for (const name of namesOf) {
      if (register[name].length <= maxNameLength) continue
      throw registryError(
        'SETTEE_REGISTRY_LIMIT',
        `${name} has ${register[name].length} characters; the limit is ${maxNameLength}`,
      )
    }
  }

  #checkCount(count: number, datum: Datum): void {
    if (count < this.#limits.maxRegistrationsPerData) return
    this.#forgetIfEmpty(datum)
    throw registryError(
      'SETTEE_REGISTRY_LIMIT',
      `${datum.dataId} has ${count} registrations, which is the limit`,
    )
  }

  #checkSize(register: PublisherRegister): void {
    const sizeBytes = register.dataList.reduce((sum, box) => sum + box.data.length, 0)
    if (sizeBytes <= this.#limits.maxPublishedBytes) return
    throw registryError(
      'SETTEE_REGISTRY_LIMIT',
      `${register.dataId} publishes ${sizeBytes} bytes; the limit is ` +
        `${this.#limits.maxPublishedBytes}`,
    )
  }
}

const namesOf = ['dataId', 'registId', 'group', 'instanceId', 'zone', 'appName'] as const

/** A client may use the same registId for several services, and in both roles. */
function linkKey({ kind, registId, datum }: Link): string {
  return `${kind} ${registId} ${datum.dataInfoId}`
}

/** The push that tells a subscription how its datum stands. */
export function receivedDataFor(
  datum: Datum,
  subscription: Subscription,
  isPartial: boolean,
): ReceivedData {
  const { register } = subscription
  const byZone: Record<string, DataBox[]> = Object.create(null) as Record<string, DataBox[]>
  for (const { register: published } of datum.publishers.values()) {
    if (register.scope === 'zone' && published.zone !== register.zone) continue
    ;(byZone[published.zone] ??= []).push(...published.dataList)
  }
  return {
    dataId: datum.dataId,
    group: datum.group,
    instanceId: datum.instanceId,
    segment: defaultSegment,
    scope: register.scope,
    subscriberRegistIds: [register.registId],
    data: byZone,
    version: datum.version,
    localZone: register.zone,
    isPartial,
  }
}

function isSameData(one: readonly DataBox[], other: readonly DataBox[]): boolean {
  return one.length === other.length && one.every((box, i) => box.data === other[i]!.data)
}
