/**
 * For the benches, interoperability programs and simulations of this repository; no promise of
 * stability.
 */
export { SeataCall, SeataPeer, type AnsweredRequest, type SeataPeerOptions } from './peer.ts'

// The coordinator, from the state machine to the session of a connection.
export type { BranchOutcome } from './core/commands.ts'
export { createCoordinatorMachine, type CoordinatorMachine } from './core/machine.ts'
export { failedOutcome, type BranchCall } from './core/phase-two.ts'
export type { CoordinatorState } from './core/state.ts'
export type { Transaction } from './core/transaction.ts'
export { ChannelTable } from './server/channel-table.ts'
export { CoordinatorShell } from './server/coordinator.ts'
export { Session } from './server/session.ts'

// The client without its sockets.
export { retryOnConflict, reportFailed, type Outcome } from './client/at/global-lock.ts'
export type { AtEnvironment } from './client/at/postgres/environment.ts'
export { createUndoDeletion } from './client/at/undo-deletion.ts'
export type { AnswerTo, CallType, CoordinatorLink, RequestOf } from './client/coordinator-link.ts'
export { ResourceManager } from './client/resource-manager.ts'
export type { BranchPort, BranchRegistration, Resource } from './client/resource.ts'
export { TransactionManager } from './client/transaction-manager.ts'
