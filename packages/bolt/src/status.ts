/**
 * How a request ended, as the response frame says it (original: ResponseStatus.java). It is about
 * transport and framework; an exception of the service's own travels in the content with SUCCESS.
 */

export const responseStatus = {
  SUCCESS: 0x00,
  ERROR: 0x01,
  SERVER_EXCEPTION: 0x02,
  UNKNOWN: 0x03,
  SERVER_THREADPOOL_BUSY: 0x04,
  ERROR_COMM: 0x05,
  NO_PROCESSOR: 0x06,
  TIMEOUT: 0x07,
  CLIENT_SEND_ERROR: 0x08,
  CODEC_EXCEPTION: 0x09,
  CONNECTION_CLOSED: 0x10,
  SERVER_SERIAL_EXCEPTION: 0x11,
  SERVER_DESERIAL_EXCEPTION: 0x12,
} as const

export type ResponseStatusName = keyof typeof responseStatus

const names = new Map(
  Object.entries(responseStatus).map(([name, status]) => [status as number, name]),
)

/** The name of a status for messages and logs; a status of a newer peer is named by its number. */
export function responseStatusName(status: number): string {
  return names.get(status) ?? `STATUS_0x${status.toString(16).padStart(2, '0')}`
}
