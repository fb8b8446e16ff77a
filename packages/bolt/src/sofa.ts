/**
 * What SOFARPC puts on Bolt: the names in the class section and the keys of the header map. The
 * server finds service and method by them, and so does a mesh on the way.
 */
import { createHeaderKey, type HeaderKey } from './header-map.ts'

/** The class section of every SOFARPC request, whatever its codec. */
export const sofaRequestClass = 'com.alipay.sofa.rpc.core.request.SofaRequest'

/** The class section of every SOFARPC response. */
export const sofaResponseClass = 'com.alipay.sofa.rpc.core.response.SofaResponse'

export interface SofaHeaderKeys {
  /** Service unique name, `interface:version[:uniqueId]`. */
  readonly targetService: HeaderKey
  /** The same value; a Java server goes by this one. */
  readonly service: HeaderKey
  readonly methodName: HeaderKey
  /** Name of the called application. */
  readonly targetApp: HeaderKey
  /** Name of the calling application. */
  readonly app: HeaderKey
  /** Always `bolt`. */
  readonly protocol: HeaderKey
  /** `sync`, `oneway`, `callback` or `future`. */
  readonly type: HeaderKey
  /** Time left for the call, in ms. */
  readonly deadlineRemainTime: HeaderKey
  /** `true` on a response whose content is an error. */
  readonly responseError: HeaderKey
  /** Trace context in one value, `tcid=...&spid=...`. */
  readonly traceContext: HeaderKey
}

export const sofaHeader: SofaHeaderKeys = {
  targetService: createHeaderKey('sofa_head_target_service'),
  service: createHeaderKey('service'),
  methodName: createHeaderKey('sofa_head_method_name'),
  targetApp: createHeaderKey('sofa_head_target_app'),
  app: createHeaderKey('app'),
  protocol: createHeaderKey('protocol'),
  type: createHeaderKey('type'),
  deadlineRemainTime: createHeaderKey('sofa_head_deadline_remain_time'),
  responseError: createHeaderKey('sofa_head_response_error'),
  traceContext: createHeaderKey('new_rpc_trace_context'),
}

/** Header keys of a request's baggage begin with this. */
export const requestBaggagePrefix = 'rpc_req_baggage.'

/** Header keys of a response's baggage begin with this. */
export const responseBaggagePrefix = 'rpc_resp_baggage.'
