export type { AtPool } from './client/at/postgres/at-pool.ts'
export { postgresUndoLogDdl } from './client/at/postgres/undo-table.ts'
export type { SqliteClient, SqliteQueries } from './client/at/sqlite/sqlite-client.ts'
export type { SqlitePool } from './client/at/sqlite/sqlite-pool.ts'
export type { Propagation } from './client/propagation.ts'
export {
  createTx,
  type PostgresAtOptions,
  type SqliteAtOptions,
  type Tx,
  type TxOptions,
  type TxRunOptions,
} from './client/tx.ts'
export { txErrors, type TxErrorCode } from './errors.ts'
export { GlobalStatus } from './protocol/status.ts'
