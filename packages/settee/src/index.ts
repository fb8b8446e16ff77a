/** The meta-package: what most applications need, under one name. */
export * as registry from '@settee/registry'
export * as rpc from '@settee/rpc'
export * as tx from '@settee/tx'
