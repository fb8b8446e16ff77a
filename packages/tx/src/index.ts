export type { AtPool } from './client/at/postgres/at-pool.ts'
export { postgresUndoLogDdl } from './client/at/postgres/undo-table.ts'
export type { SeataNamespace } from './client/at/undo/jackson-codec.ts'
export type { SqliteClient, SqliteQueries } from './client/at/sqlite/sqlite-client.ts'
export type { SqlitePool } from './client/at/sqlite/sqlite-pool.ts'
export { runWithXid } from './client/propagation-context.ts'
export {
  createXidInterceptor,
  injectXidIntoMetadata,
  xidOfMetadata,
  type GrpcMetadata,
  type GrpcModule,
} from './client/propagation-grpc.ts'
export {
  injectXid,
  joinTransaction,
  xidOf,
  type ArrivedHeaders,
} from './client/propagation-http.ts'
export type { Propagation } from './client/propagation.ts'
export type {
  MysqlAtOptions,
  MysqlModuleLike,
  PostgresAtOptions,
  PostgresClientAtOptions,
  SqliteAtOptions,
} from './client/at/at-target.ts'
export { mysqlUndoLogDdl } from './client/at/mysql/undo-table.ts'
export type { MysqlTarget } from './client/at/mysql/driver/intercept.ts'
export { createTx, type Tx, type TxOptions, type TxRunOptions } from './client/tx.ts'
export { txErrors, type TxErrorCode } from './errors.ts'
export { GlobalStatus } from './protocol/status.ts'
