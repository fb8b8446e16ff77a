export { assert, AssertionError, unreachable } from './assert.ts'
export { backoffMs, type BackoffOptions } from './backoff.ts'
export {
  createManualClock,
  sleep,
  systemClock,
  type Clock,
  type ManualClock,
  type Timer,
} from './clock.ts'
export {
  configErrors,
  describeConfig,
  environmentName,
  parseConfig,
  type Config,
  type ConfigSchema,
  type ConfigSources,
  type ParsedConfig,
} from './config.ts'
export { currentContext, runRequest, runWithContext, type RequestContext } from './context.ts'
export {
  defineErrors,
  isSetteeError,
  messageOf,
  SetteeError,
  type ErrorFactory,
  type ErrorSpec,
  type SetteeErrorOptions,
} from './errors.ts'
export { MinHeap } from './heap.ts'
export { startAll, stopAll, type Service } from './lifecycle.ts'
export { nearestOf } from './nearest.ts'
export { Queue } from './queue.ts'
export { createSeededRandom, systemRandom, type Random } from './random.ts'
