/**
 * The messages that stand alone, and the table of their codecs by type code.
 *
 *     | type i16 | fields of the type |
 */
import type { ByteReader, ByteWriter } from '@settee/wire'
import { txError } from '../errors.ts'
import * as begin from './begin.ts'
import * as branchEnd from './branch-end.ts'
import * as branchRegister from './branch-register.ts'
import * as branchReport from './branch-report.ts'
import * as globalEnd from './global-end.ts'
import { MessageType } from './message-type.ts'
import * as register from './register.ts'
import * as undoLogDelete from './undo-log-delete.ts'

export type RequestMessage =
  | begin.GlobalBeginRequest
  | globalEnd.GlobalCommitRequest
  | globalEnd.GlobalRollbackRequest
  | globalEnd.GlobalStatusRequest
  | globalEnd.GlobalReportRequest
  | branchRegister.BranchRegisterRequest
  | branchRegister.GlobalLockQueryRequest
  | branchReport.BranchReportRequest
  | branchEnd.BranchCommitRequest
  | branchEnd.BranchRollbackRequest
  | register.RegisterTMRequest
  | register.RegisterRMRequest
  | register.UnregisterRMRequest
  | undoLogDelete.UndoLogDeleteRequest

export type ResponseMessage =
  | begin.GlobalBeginResponse
  | globalEnd.GlobalCommitResponse
  | globalEnd.GlobalRollbackResponse
  | globalEnd.GlobalStatusResponse
  | globalEnd.GlobalReportResponse
  | branchRegister.BranchRegisterResponse
  | branchRegister.GlobalLockQueryResponse
  | branchReport.BranchReportResponse
  | branchEnd.BranchCommitResponse
  | branchEnd.BranchRollbackResponse
  | register.RegisterTMResponse
  | register.RegisterRMResponse
  | register.UnregisterRMResponse

export type SingleMessage = RequestMessage | ResponseMessage

interface MessageCodec<Message extends SingleMessage> {
  // Methods, so that the codec of one message may stand in the table of all.
  encode(writer: ByteWriter, message: Message, version: number): void
  decode(reader: ByteReader, type: Message['type'], version: number): Message
}

const globalEndRequest = {
  encode: globalEnd.encodeGlobalEndRequest,
  decode: globalEnd.decodeGlobalEndRequest,
}
const globalEndResponse = {
  encode: globalEnd.encodeGlobalEndResponse,
  decode: globalEnd.decodeGlobalEndResponse,
}
const branchEndRequest = {
  encode: branchEnd.encodeBranchEndRequest,
  decode: branchEnd.decodeBranchEndRequest,
}
const branchEndResponse = {
  encode: branchEnd.encodeBranchEndResponse,
  decode: branchEnd.decodeBranchEndResponse,
}
const registerRequest = {
  encode: branchRegister.encodeBranchRegisterRequest,
  decode: branchRegister.decodeBranchRegisterRequest,
}
const resourceRequest = {
  encode: register.encodeResourceRequest,
  decode: register.decodeResourceRequest,
}
const identifyResponse = {
  encode: register.encodeIdentifyResponse,
  decode: register.decodeIdentifyResponse,
}

const codecByType: {
  [Type in SingleMessage['type']]: MessageCodec<Extract<SingleMessage, { type: Type }>>
} = {
  [MessageType.GlobalBegin]: {
    encode: begin.encodeGlobalBeginRequest,
    decode: begin.decodeGlobalBeginRequest,
  },
  [MessageType.GlobalBeginResult]: {
    encode: begin.encodeGlobalBeginResponse,
    decode: begin.decodeGlobalBeginResponse,
  },
  [MessageType.BranchCommit]: branchEndRequest,
  [MessageType.BranchCommitResult]: branchEndResponse,
  [MessageType.BranchRollback]: branchEndRequest,
  [MessageType.BranchRollbackResult]: branchEndResponse,
  [MessageType.GlobalCommit]: globalEndRequest,
  [MessageType.GlobalCommitResult]: globalEndResponse,
  [MessageType.GlobalRollback]: globalEndRequest,
  [MessageType.GlobalRollbackResult]: globalEndResponse,
  [MessageType.BranchRegister]: registerRequest,
  [MessageType.BranchRegisterResult]: {
    encode: branchRegister.encodeBranchRegisterResponse,
    decode: branchRegister.decodeBranchRegisterResponse,
  },
  [MessageType.BranchReport]: {
    encode: branchReport.encodeBranchReportRequest,
    decode: branchReport.decodeBranchReportRequest,
  },
  [MessageType.BranchReportResult]: {
    encode: branchReport.encodeBranchReportResponse,
    decode: branchReport.decodeBranchReportResponse,
  },
  [MessageType.GlobalStatus]: globalEndRequest,
  [MessageType.GlobalStatusResult]: globalEndResponse,
  [MessageType.GlobalReport]: {
    encode: globalEnd.encodeGlobalReportRequest,
    decode: globalEnd.decodeGlobalReportRequest,
  },
  [MessageType.GlobalReportResult]: globalEndResponse,
  [MessageType.GlobalLockQuery]: registerRequest,
  [MessageType.GlobalLockQueryResult]: {
    encode: branchRegister.encodeGlobalLockQueryResponse,
    decode: branchRegister.decodeGlobalLockQueryResponse,
  },
  [MessageType.RegisterTM]: {
    encode: register.encodeRegisterTMRequest,
    decode: register.decodeRegisterTMRequest,
  },
  [MessageType.RegisterTMResult]: identifyResponse,
  [MessageType.RegisterRM]: resourceRequest,
  [MessageType.RegisterRMResult]: identifyResponse,
  [MessageType.UnregisterRM]: resourceRequest,
  [MessageType.UnregisterRMResult]: identifyResponse,
  [MessageType.UndoLogDelete]: {
    encode: undoLogDelete.encodeUndoLogDeleteRequest,
    decode: undoLogDelete.decodeUndoLogDeleteRequest,
  },
}

const codecs: readonly (MessageCodec<SingleMessage> | undefined)[] = Object.assign([], codecByType)

/** Writes the type code and the fields. `version` is the frame's. */
export function encodeSingle(writer: ByteWriter, message: SingleMessage, version: number): void {
  writer.u16(message.type)
  codecs[message.type]!.encode(writer, message, version)
}

/** Reads the fields of a message whose type code was read before. */
export function decodeSingle(reader: ByteReader, type: number, version: number): SingleMessage {
  const codec = codecs[type]
  if (codec === undefined) {
    throw txError(
      'SETTEE_TX_BAD_MESSAGE',
      `type code ${type} is no message that may stand here: it is unknown, or a merged message ` +
        'inside of a merged one',
    )
  }
  return codec.decode(reader, type as SingleMessage['type'], version)
}
