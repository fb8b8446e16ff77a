export { parseAddress } from './address.ts'
export { ByteReader } from './byte-reader.ts'
export { ByteWriter, type Long } from './byte-writer.ts'
export {
  Connection,
  type ConnectionHandler,
  type ConnectionLimits,
  type Encoder,
} from './connection.ts'
export { Dialer, type DialerOptions } from './dialer.ts'
export { wireError, wireErrors } from './errors.ts'
export { FrameSplitter, type FrameLength, type FrameSink } from './frame-splitter.ts'
export { watchIdle, type IdleWatchOptions } from './idle-watch.ts'
export { assertMayBind, isLoopback, listen, Listener, type ListenerOptions } from './listener.ts'
export { PendingCalls } from './pending-calls.ts'
export { TimerWheel, WheelEntry, type TimerWheelOptions } from './timer-wheel.ts'
