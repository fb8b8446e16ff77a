/** For benches and interoperability programs of this repository; no promise of stability. */
export { SeataCall, SeataPeer, type AnsweredRequest, type SeataPeerOptions } from './peer.ts'
