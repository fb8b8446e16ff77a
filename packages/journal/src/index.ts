export { journalError, journalErrors } from './errors.ts'
export { createFileJournal, type FileJournalOptions } from './file-journal.ts'
export { nodeFiles, type JournalFile, type JournalFiles } from './files.ts'
export type { AppendOptions, Journal, JournalOwner, JournalState, JournalStats } from './journal.ts'
export {
  createMemoryJournal,
  type MemoryJournal,
  type MemoryJournalOptions,
} from './memory-journal.ts'
export {
  createReplica,
  type Done,
  type Replica,
  type ReplicaOptions,
  type ReplicaState,
  type ReplicaStats,
  type StateMachine,
} from './replica.ts'
