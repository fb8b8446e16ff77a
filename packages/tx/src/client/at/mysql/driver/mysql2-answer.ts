/**
 * Reads along while the driver reads the answer to a command: the status bits behind rows and keys
 * of 64 bits are in the packets, but not in what the driver hands out.
 *
 * ```
 * OK packet:  00 | affectedRows | insertId | status 2 | warnings 2 | message
 * EOF packet: fe | warnings 2 | status 2
 * ```
 */
import type { Mysql2Command, Mysql2Packet, ResultHeader } from './mysql2-driver.ts'
import type { StatementResult } from './session.ts'

export class AnswerReader {
  readonly #onStatus: (serverStatus: number) => void
  #packet: Mysql2Packet | undefined
  #offset = 0
  #result: StatementResult = withRows(-1, 0)
  #expectsHeader = false

  /** Starts to read along with `command`, once. */
  constructor(command: Mysql2Command, onStatus: (serverStatus: number) => void) {
    this.#onStatus = onStatus
    const execute = command.execute
    command.execute = (packet, connection) => {
      if (packet !== undefined) this.#read(packet)
      return execute.call(command, packet, connection)
    }
  }

  /** The last result that came. */
  get result(): StatementResult {
    return this.#result
  }

  #read(packet: Mysql2Packet): void {
    this.#packet = packet
    this.#offset = packet.offset
    if (!packet.isEOF()) return
    this.#result = withRows(packet.eofStatusFlags(), packet.eofWarningCount())
    this.#onStatus(this.#result.serverStatus)
  }

  /** Takes the events of the command; true for one that tells of an OK packet. */
  onEvent(event: string | symbol, value: unknown): boolean {
    if (event === 'fields') {
      this.#expectsHeader = value === undefined
      return this.#expectsHeader
    }
    if (event !== 'result' || !this.#expectsHeader) return false
    const header = value as ResultHeader
    this.#result = {
      affectedRows: Number(header.affectedRows),
      insertId: this.#insertIdOf(header),
      message: header.info,
      warningCount: header.warningStatus,
      serverStatus: header.serverStatus,
    }
    this.#onStatus(header.serverStatus)
    return true
  }

  /** The driver's number when it is exact and positive, else the digits of the packet. */
  #insertIdOf({ insertId }: ResultHeader): string {
    if (typeof insertId === 'number' && Number.isSafeInteger(insertId) && insertId >= 0) {
      return String(insertId)
    }
    const { buffer } = this.#packet!
    const affectedRows = readLength(buffer, this.#offset + 1)
    return String(readLength(buffer, affectedRows.next).value)
  }
}

function withRows(serverStatus: number, warningCount: number): StatementResult {
  return { affectedRows: -1, insertId: '0', message: '', warningCount, serverStatus }
}

/** A length-encoded integer of the protocol. */
function readLength(buffer: Buffer, at: number): { value: bigint; next: number } {
  switch (buffer[at]) {
    case 0xfc:
      return { value: BigInt(buffer.readUInt16LE(at + 1)), next: at + 3 }
    case 0xfd:
      return { value: BigInt(buffer.readUIntLE(at + 1, 3)), next: at + 4 }
    case 0xfe:
      return { value: buffer.readBigUInt64LE(at + 1), next: at + 9 }
    default:
      return { value: BigInt(buffer[at] ?? 0), next: at + 1 }
  }
}
