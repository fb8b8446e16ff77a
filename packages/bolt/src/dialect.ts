/**
 * The four ways in which a peer may speak Bolt. A connection keeps the one it began with: requests
 * are answered in the dialect in which they came.
 */

export interface BoltDialect {
  readonly name: 'v1' | 'v2.1' | 'v2' | 'v2-crc'
  /** First byte of every frame (`proto`). */
  readonly version: 1 | 2
  /** Second byte of a v2 frame (`ver1`); only revision 2 may carry a checksum. 0 in v1. */
  readonly revision: 0 | 1 | 2
  /** The switch byte of a v2 frame. 0 in v1, which has none. */
  readonly switches: number
}

/** Bit 0 of the switch byte: a CRC32 follows the content. */
export const crcSwitch = 0x01

/** What SOFARPC's Java client speaks, and the default. */
export const boltV1: BoltDialect = { name: 'v1', version: 1, revision: 0, switches: 0 }

/** v2 of an older peer: a switch byte, but never a checksum. */
export const boltV2Revision1: BoltDialect = { name: 'v2.1', version: 2, revision: 1, switches: 0 }

/** v2 with the checksum switched off. */
export const boltV2: BoltDialect = { name: 'v2', version: 2, revision: 2, switches: 0 }

/** v2 with a CRC32 behind every frame: what SOFABolt's own Java client sends by default. */
export const boltV2Crc: BoltDialect = {
  name: 'v2-crc',
  version: 2,
  revision: 2,
  switches: crcSwitch,
}
