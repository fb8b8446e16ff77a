/** What tests and simulations of journaled systems need. */
export { createSimulatedFiles, type DiskOperation, type SimulatedFiles } from './simulated-files.ts'
