/**
 * What a Settee call puts on Bolt: SOFARPC's own headers (see `bolt`), the JSON codec, and
 *
 *     TX_XID                xid of the global transaction, as Seata's SOFARPC filter sends it
 *     settee_trace          trace id
 *     rpc_req_baggage.NAME  baggage, as SOFARPC sends it
 *     settee_error          on a failure: {"code", "retryable", "details"} of the typed error;
 *                           the content is the message as a JSON string, as SOFARPC has it
 *
 * A call that is cancelled is followed by a oneway request of class `settee.rpc.Cancel` whose
 * content is the request id.
 */
import {
  boltV2,
  createHeaderKey,
  createRequestTemplate,
  createResponseTemplate,
  jsonCodec,
  sofaRequestClass,
  sofaResponseClass,
  type BoltDialect,
  type HeaderKey,
  type RequestTemplate,
  type ResponseTemplate,
} from '@settee/bolt'

export const xidHeader: HeaderKey = createHeaderKey('TX_XID')
export const traceHeader: HeaderKey = createHeaderKey('settee_trace')
export const errorHeader: HeaderKey = createHeaderKey('settee_error')

export const cancelClass = 'settee.rpc.Cancel'

/** Default protocol suffix of the registry's dataId for Bolt services (SofaRegistryHelper.java). */
export function dataIdOf(serviceName: string): string {
  return `${serviceName}@DEFAULT`
}

/** The requests of one method: what is the same in each of them. */
export interface MethodTemplates {
  /** With the headers that a Settee server reads. */
  readonly settee: RequestTemplate
  /** With all that SOFARPC sends, which its servers, filters and meshes rely on. */
  readonly sofa: RequestTemplate
}

export function createMethodTemplates(options: {
  readonly application: string
  readonly serviceName: string
  readonly methodName: string
  readonly isOneway: boolean
}): MethodTemplates {
  const { application, serviceName, methodName, isOneway } = options
  const request = { codec: jsonCodec, className: sofaRequestClass, oneway: isOneway }
  const routing = [
    ['sofa_head_target_service', serviceName],
    ['sofa_head_method_name', methodName],
  ] as const
  return {
    // Half the bytes of the other one: a Settee server needs no more.
    settee: createRequestTemplate({ ...request, headers: routing }),
    sofa: createRequestTemplate({
      ...request,
      headers: [
        ['service', serviceName],
        ...routing,
        ['app', application],
        ['protocol', 'bolt'],
        ['type', isOneway ? 'oneway' : 'sync'],
      ],
    }),
  }
}

export const cancelTemplate: RequestTemplate = createRequestTemplate({
  codec: jsonCodec,
  className: cancelClass,
  oneway: true,
})

/** Templates of the answers in one dialect. */
export interface AnswerTemplates {
  readonly success: ResponseTemplate
  /** An error of the handler; the status says success, as in SOFARPC. */
  readonly failure: ResponseTemplate
  /** A status of the protocol; SOFABolt never puts a checksum behind it. */
  readonly refusal: ResponseTemplate
}

const answerTemplates = new Map<BoltDialect['name'], AnswerTemplates>()

export function answerTemplatesOf(dialect: BoltDialect): AnswerTemplates {
  const known = answerTemplates.get(dialect.name)
  if (known !== undefined) return known
  const options = { codec: jsonCodec, className: sofaResponseClass, dialect }
  const templates = {
    success: createResponseTemplate(options),
    failure: createResponseTemplate({
      ...options,
      headers: [['sofa_head_response_error', 'true']],
    }),
    refusal: createResponseTemplate({
      ...options,
      dialect: dialect.name === 'v2-crc' ? boltV2 : dialect,
    }),
  }
  answerTemplates.set(dialect.name, templates)
  return templates
}
