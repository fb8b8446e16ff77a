/**
 * The messages between registry clients and server, with the names and fields of SOFARegistry's
 * com.alipay.sofa.registry.core.model, so that the Java client's Hessian form can join later.
 *
 *     client                                server
 *       | PublisherRegister / SubscriberRegister |      a Bolt request each
 *       |--------------------------------------->|
 *       |                        RegisterResponse|      `version` must equal the request's
 *       |<---------------------------------------|
 *       |                            ReceivedData|      a Bolt request from the server: the full
 *       |<---------------------------------------|      list, with a version that only grows
 *       | Result                                 |
 *       |--------------------------------------->|
 */
import { registryError } from '../errors.ts'

/** Class names as they stand in the class section of the Bolt frame. */
export const RegistryClass = {
  publisherRegister: 'com.alipay.sofa.registry.core.model.PublisherRegister',
  subscriberRegister: 'com.alipay.sofa.registry.core.model.SubscriberRegister',
  registerResponse: 'com.alipay.sofa.registry.core.model.RegisterResponse',
  receivedData: 'com.alipay.sofa.registry.core.model.ReceivedData',
  result: 'com.alipay.sofa.registry.core.model.Result',
} as const

export const defaultInstanceId = 'DEFAULT_INSTANCE_ID'
export const defaultGroup = 'DEFAULT_GROUP'
export const defaultZone = 'DEFAULT_ZONE'
/** The segment of every push; clients drop pushes of segments they do not know. */
export const defaultSegment = 'DefaultDataCenter'

/** Fields common to publishers and subscribers (BaseRegister). */
export interface BaseRegister {
  readonly instanceId: string
  readonly zone: string
  readonly appName: string
  readonly dataId: string
  readonly group: string
  /** Chosen by the client, unique per registration. */
  readonly registId: string
  readonly eventType: 'REGISTER' | 'UNREGISTER'
  /** Counts up with each change of the same registration. */
  readonly version: number
}

export interface DataBox {
  readonly data: string
}

export interface PublisherRegister extends BaseRegister {
  readonly dataList: readonly DataBox[]
}

export interface SubscriberRegister extends BaseRegister {
  readonly scope: 'zone' | 'dataCenter' | 'global'
}

export interface RegisterResponse {
  readonly success: boolean
  readonly registId: string
  readonly version: number
  /** True stops the client from trying again. */
  readonly refused: boolean
  readonly message: string | null
}

export interface ReceivedData {
  readonly dataId: string
  readonly group: string
  readonly instanceId: string
  readonly segment: string
  readonly scope: SubscriberRegister['scope']
  readonly subscriberRegistIds: readonly string[]
  /** What is published, by zone; never null: no publisher is an empty object. */
  readonly data: Readonly<Record<string, readonly DataBox[]>>
  readonly version: number
  /** Zone of the subscriber, not of the server. */
  readonly localZone: string
  /**
   * True while the server has just started and publishers are still coming back: the receiver adds
   * the list to what it knows instead of replacing it. Settee's addition; Java clients ignore it.
   */
  readonly isPartial: boolean
}

export interface Result {
  readonly success: boolean
  readonly message: string | null
}

/** `dataId#@#instanceId#@#group`, the identity of what is published (DataInfo.java). */
export function dataInfoIdOf(register: {
  dataId: string
  instanceId: string
  group: string
}): string {
  return `${register.dataId}#@#${register.instanceId}#@#${register.group}`
}

export function parsePublisherRegister(value: unknown): PublisherRegister {
  const fields = asFields(value, 'PublisherRegister')
  const dataList = fields['dataList'] ?? []
  if (!Array.isArray(dataList)) throw badField('dataList', 'a list')
  return {
    ...parseBaseRegister(fields),
    dataList: dataList.map((box: unknown) => ({
      data: readText(asFields(box, 'DataBox'), 'data'),
    })),
  }
}

export function parseSubscriberRegister(value: unknown): SubscriberRegister {
  const fields = asFields(value, 'SubscriberRegister')
  const scope = readText(fields, 'scope', 'dataCenter')
  if (scope !== 'zone' && scope !== 'dataCenter' && scope !== 'global') {
    throw badField('scope', 'zone, dataCenter or global')
  }
  return { ...parseBaseRegister(fields), scope }
}

export function parseRegisterResponse(value: unknown): RegisterResponse {
  const fields = asFields(value, 'RegisterResponse')
  return {
    success: fields['success'] === true,
    registId: readText(fields, 'registId', ''),
    version: readNumber(fields, 'version'),
    refused: fields['refused'] === true,
    message: readText(fields, 'message', '') || null,
  }
}

export function parseReceivedData(value: unknown): ReceivedData {
  const fields = asFields(value, 'ReceivedData')
  const zones = asFields(fields['data'], 'ReceivedData.data')
  const byZone: Record<string, DataBox[]> = Object.create(null) as Record<string, DataBox[]>
  for (const [zone, boxes] of Object.entries(zones)) {
    if (!Array.isArray(boxes)) throw badField('data', 'lists by zone')
    byZone[zone] = boxes.map((box: unknown) => ({
      data: readText(asFields(box, 'DataBox'), 'data'),
    }))
  }
  const registIds = fields['subscriberRegistIds']
  if (!Array.isArray(registIds)) throw badField('subscriberRegistIds', 'a list')
  return {
    dataId: readText(fields, 'dataId'),
    group: readText(fields, 'group', defaultGroup),
    instanceId: readText(fields, 'instanceId', defaultInstanceId),
    segment: readText(fields, 'segment', defaultSegment),
    scope: 'dataCenter',
    subscriberRegistIds: registIds.map(String),
    data: byZone,
    version: readNumber(fields, 'version'),
    localZone: readText(fields, 'localZone', defaultZone),
    isPartial: fields['isPartial'] === true,
  }
}

function parseBaseRegister(fields: Readonly<Record<string, unknown>>): BaseRegister {
  const eventType = readText(fields, 'eventType', 'REGISTER')
  if (eventType !== 'REGISTER' && eventType !== 'UNREGISTER') {
    throw badField('eventType', 'REGISTER or UNREGISTER')
  }
  return {
    instanceId: readText(fields, 'instanceId', defaultInstanceId) || defaultInstanceId,
    zone: readText(fields, 'zone', defaultZone) || defaultZone,
    appName: readText(fields, 'appName', ''),
    dataId: readText(fields, 'dataId'),
    group: readText(fields, 'group', defaultGroup),
    registId: readText(fields, 'registId'),
    eventType,
    version: readNumber(fields, 'version'),
  }
}

function asFields(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw registryError('SETTEE_REGISTRY_BAD_MESSAGE', `${what} must be an object`)
}

function readText(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  whenAbsent?: string,
): string {
  const value = fields[name] ?? whenAbsent
  if (typeof value === 'string') return value
  throw badField(name, 'a string')
}

function readNumber(fields: Readonly<Record<string, unknown>>, name: string): number {
  const value = fields[name]
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw badField(name, 'a whole number')
}

function badField(name: string, expected: string): Error {
  return registryError('SETTEE_REGISTRY_BAD_MESSAGE', `${name} must be ${expected}`)
}
