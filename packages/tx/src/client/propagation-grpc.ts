/**
 * The xid in the metadata of gRPC, as ClientTransactionInterceptor and ServerTransactionInterceptor
 * of org.apache.seata.integration.grpc send and read it. Written against the shape of
 * `@grpc/grpc-js`, which is not a dependency.
 *
 * ```ts
 * new grpc.Client(address, credentials, { interceptors: [createXidInterceptor(grpc)] })
 *
 * service.deduct = (call, callback) =>
 *   runWithXid(xidOfMetadata(call.metadata), () => deduct(call, callback))
 * ```
 */
import { xidToSend } from './propagation-context.ts'

const xidMetadataKey = 'tx_xid'
const branchTypeMetadataKey = 'tx_branch_type'

/** `Metadata` of `@grpc/grpc-js`. */
export interface GrpcMetadata {
  get(key: string): readonly (string | Uint8Array)[]
  set(key: string, value: string): void
}

type GrpcStart<Metadata, Listener> = (
  metadata: Metadata,
  listener: Listener,
  next: (metadata: Metadata, listener: Listener) => void,
) => void

/** What of `@grpc/grpc-js` an interceptor needs. */
export interface GrpcModule<Metadata, Listener, NextCall, Call> {
  readonly InterceptingCall: new (
    nextCall: NextCall,
    requester: { readonly start: GrpcStart<Metadata, Listener> },
  ) => Call
}

/** Puts the surrounding transaction into the metadata of a call; leaves it alone without one. */
export function injectXidIntoMetadata(metadata: GrpcMetadata): void {
  const xid = xidToSend()
  if (xid === undefined) return
  metadata.set(xidMetadataKey, xid)
  metadata.set(branchTypeMetadataKey, 'AT')
}

/** The xid that a call came with. Of several the first counts. */
export function xidOfMetadata(metadata: Pick<GrpcMetadata, 'get'>): string | undefined {
  const [value] = metadata.get(xidMetadataKey)
  return typeof value === 'string' ? value : undefined
}

/** An interceptor for clients: every call takes the surrounding transaction along. */
export function createXidInterceptor<
  Metadata extends GrpcMetadata,
  Listener,
  Options,
  NextCall,
  Call,
>(
  grpc: GrpcModule<Metadata, Listener, NextCall, Call>,
): (options: Options, nextCall: (options: Options) => NextCall) => Call {
  return (options, nextCall) =>
    new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        injectXidIntoMetadata(metadata)
        next(metadata, listener)
      },
    })
}
