/**
 * Commands as journal records. Big-endian, by hand, because every transaction passes here twice.
 *
 *     code(1) now(8) fields in the order of the encoder
 *
 *     1 begin           xid id(8) timeoutMs(4) name application group
 *     2 registerBranch  xid id(8) type(1) resourceId clientId lockKeys applicationData waitedMs(4)
 *     3 reportBranch    xid id(8) status(1) applicationData
 *     4 commit          xid
 *     5 rollback        xid reason
 *     6 timeOut         xid
 *     7 globalReport    xid status(1)
 *     8 branchesEnded   count(4), then each: xid id(8) status(1) error
 *     9 resume          xid reason
 *     10 forget         xid reason
 *     11 repairBranch   xid id(8) choice(1) by note
 *
 * A text is length(4) and UTF-8. A code is never given a second meaning: records outlive versions.
 */
import { unreachable } from '@settee/kit'
import type { ByteReader, ByteWriter } from '@settee/wire'
import type { BranchStatus, BranchType, GlobalStatus } from '../protocol/status.ts'
import type { BranchOutcome, Command } from './commands.ts'
import { txError } from '../errors.ts'
import { repairChoices } from './transaction.ts'

const Code = {
  begin: 1,
  registerBranch: 2,
  reportBranch: 3,
  commit: 4,
  rollback: 5,
  timeOut: 6,
  globalReport: 7,
  branchesEnded: 8,
  resume: 9,
  forget: 10,
  repairBranch: 11,
} as const

const lastBranchType = 4
const lastBranchStatus = 14
const lastGlobalStatus = 20

export function encodeCommand(command: Command, writer: ByteWriter): void {
  writer.u8(Code[command.kind])
  writer.i64(command.now)
  if (command.kind === 'branchesEnded') {
    encodeOutcomes(command.outcomes, writer)
    return
  }
  writeText(writer, command.xid)
  switch (command.kind) {
    case 'begin':
      writer.i64(command.transactionId)
      writer.u32(command.timeoutMs)
      writeText(writer, command.name)
      writeText(writer, command.applicationId)
      writeText(writer, command.transactionServiceGroup)
      return
    case 'registerBranch':
      writer.i64(command.branchId)
      writer.u8(command.branchType)
      writeText(writer, command.resourceId)
      writeText(writer, command.clientId)
      writeText(writer, command.lockKeys)
      writeText(writer, command.applicationData)
      writer.u32(Math.min(command.lockWaitedMs, 0xffff_ffff))
      return
    case 'reportBranch':
      writer.i64(command.branchId)
      writer.u8(command.status)
      writeText(writer, command.applicationData)
      return
    case 'globalReport':
      writer.u8(command.status)
      return
    case 'rollback':
    case 'resume':
    case 'forget':
      writeText(writer, command.reason)
      return
    case 'repairBranch':
      writer.i64(command.branchId)
      writer.u8(repairChoices.indexOf(command.choice))
      writeText(writer, command.by)
      writeText(writer, command.note)
      return
    case 'commit':
    case 'timeOut':
      return
    default:
      unreachable(command)
  }
}

/** @throws SETTEE_TX_BAD_RECORD or SETTEE_WIRE_TRUNCATED when the bytes are no command. */
export function decodeCommand(reader: ByteReader): Command {
  const command = decodeFields(reader)
  if (reader.remaining > 0) {
    throw txError(
      'SETTEE_TX_BAD_RECORD',
      `${reader.remaining} bytes follow a ${command.kind} command; the journal record is damaged`,
    )
  }
  return command
}

function decodeFields(reader: ByteReader): Command {
  const code = reader.u8()
  const now = readSafe(reader)
  if (code === Code.branchesEnded) {
    return { kind: 'branchesEnded', outcomes: decodeOutcomes(reader), now }
  }
  const xid = readText(reader)
  switch (code) {
    case Code.begin:
      return {
        kind: 'begin',
        xid,
        transactionId: readSafe(reader),
        timeoutMs: reader.u32(),
        name: readText(reader),
        applicationId: readText(reader),
        transactionServiceGroup: readText(reader),
        now,
      }
    case Code.registerBranch:
      return {
        kind: 'registerBranch',
        xid,
        branchId: readSafe(reader),
        branchType: readCode(reader, lastBranchType, 'branch type') as BranchType,
        resourceId: readText(reader),
        clientId: readText(reader),
        lockKeys: readText(reader),
        applicationData: readText(reader),
        lockWaitedMs: reader.u32(),
        now,
      }
    case Code.reportBranch:
      return {
        kind: 'reportBranch',
        xid,
        branchId: readSafe(reader),
        status: readCode(reader, lastBranchStatus, 'branch status') as BranchStatus,
        applicationData: readText(reader),
        now,
      }
    case Code.commit:
      return { kind: 'commit', xid, now }
    case Code.rollback:
      return { kind: 'rollback', xid, reason: readText(reader), now }
    case Code.timeOut:
      return { kind: 'timeOut', xid, now }
    case Code.globalReport: {
      const status = readCode(reader, lastGlobalStatus, 'global status') as GlobalStatus
      return { kind: 'globalReport', xid, status, now }
    }
    case Code.resume:
      return { kind: 'resume', xid, reason: readText(reader), now }
    case Code.forget:
      return { kind: 'forget', xid, reason: readText(reader), now }
    case Code.repairBranch:
      return decodeRepair(reader, xid, now)
    default:
      throw txError(
        'SETTEE_TX_BAD_RECORD',
        `no command has the code ${code}; a newer version may have written this journal`,
      )
  }
}

function decodeRepair(reader: ByteReader, xid: string, now: number): Command {
  return {
    kind: 'repairBranch',
    xid,
    branchId: readSafe(reader),
    choice: repairChoices[readCode(reader, repairChoices.length - 1, 'repair choice')]!,
    by: readText(reader),
    note: readText(reader),
    now,
  }
}

function encodeOutcomes(outcomes: readonly BranchOutcome[], writer: ByteWriter): void {
  writer.u32(outcomes.length)
  for (const outcome of outcomes) {
    writeText(writer, outcome.xid)
    writer.i64(outcome.branchId)
    writer.u8(outcome.status)
    writeText(writer, outcome.error)
  }
}

function decodeOutcomes(reader: ByteReader): BranchOutcome[] {
  const count = reader.u32()
  const outcomes: BranchOutcome[] = []
  // Nothing is allocated by the count: a count that lies ends at the first missing field.
  for (let i = 0; i < count; i++) {
    outcomes.push({
      xid: readText(reader),
      branchId: readSafe(reader),
      status: readCode(reader, lastBranchStatus, 'branch status') as BranchStatus,
      error: readText(reader),
    })
  }
  return outcomes
}

function writeText(writer: ByteWriter, text: string): void {
  const at = writer.length
  writer.u32(0)
  writer.patchU32(at, writer.utf8(text))
}

function readText(reader: ByteReader): string {
  return reader.utf8(reader.u32())
}

function readSafe(reader: ByteReader): number {
  const value = reader.i64()
  if (typeof value === 'number') return value
  throw txError(
    'SETTEE_TX_BAD_RECORD',
    `the id or time ${value} is beyond what a coordinator with worker 0 gives; ` +
      'the record is damaged',
  )
}

function readCode(reader: ByteReader, last: number, what: string): number {
  const value = reader.u8()
  if (value <= last) return value
  throw txError(
    'SETTEE_TX_BAD_RECORD',
    `${value} is no ${what}; a newer version may have written this journal`,
  )
}
