export {
  defineContract,
  method,
  oneway,
  type AnyMethod,
  type Contract,
  type ContractOptions,
  type Method,
  type MethodOptions,
  type StandardSchema,
  type StandardSchemaResult,
} from './contract.ts'
export type { Balancing } from './client/balancer.ts'
export type { ProviderUrl } from './client/providers.ts'
export type { CallOptions } from './client/method-caller.ts'
export {
  createRpcClient,
  type ClientOf,
  type ClientOptions,
  type RpcClient,
  type RpcClientOptions,
} from './client/rpc-client.ts'
export { rpcErrors } from './errors.ts'
export {
  createRpcServer,
  type HandlersOf,
  type RpcServer,
  type RpcServerOptions,
} from './server/rpc-server.ts'
export type { CallInfo } from './server/server-call.ts'
