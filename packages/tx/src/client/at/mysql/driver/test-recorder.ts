/**
 * An AT side that records what comes to it and otherwise lets every statement run as it is. Tests
 * hook into the moments before and after the statement.
 */
import type {
  AtConnection,
  ConnectAt,
  MysqlSession,
  StatementCall,
  StatementResult,
} from './session.ts'

export interface Recorder {
  readonly connectAt: ConnectAt
  /** `before SQL`, `after SQL`, `failed SQL` in the order in which they came. */
  readonly log: string[]
  readonly calls: StatementCall[]
  readonly results: StatementResult[]
  readonly sessions: MysqlSession[]
  before: (call: StatementCall, session: MysqlSession) => unknown
  run: (call: StatementCall, session: MysqlSession) => Promise<StatementResult>
  after: (call: StatementCall, session: MysqlSession, result: StatementResult) => unknown
  release: (session: MysqlSession) => unknown
  clear(): void
}

export function createRecorder(): Recorder {
  const recorder: Recorder = {
    log: [],
    calls: [],
    results: [],
    sessions: [],
    connectAt: (session) => {
      recorder.sessions.push(session)
      return new RecordingConnection(recorder, session)
    },
    before: () => {},
    run: (call) => call.run(),
    after: () => {},
    release: (session) => session.run('ROLLBACK'),
    clear: () => {
      for (const list of [recorder.log, recorder.calls, recorder.results]) list.length = 0
      recorder.before = () => {}
      recorder.run = (call) => call.run()
      recorder.after = () => {}
      recorder.release = (session) => session.run('ROLLBACK')
    },
  }
  return recorder
}

class RecordingConnection implements AtConnection {
  isOpen = false
  readonly #recorder: Recorder
  readonly #session: MysqlSession

  constructor(recorder: Recorder, session: MysqlSession) {
    this.#recorder = recorder
    this.#session = session
  }

  async handle(call: StatementCall): Promise<void> {
    const recorder = this.#recorder
    recorder.calls.push(call)
    recorder.log.push(`before ${call.sql}`)
    try {
      await recorder.before(call, this.#session)
      const result = await recorder.run(call, this.#session)
      recorder.results.push(result)
      await recorder.after(call, this.#session, result)
    } catch (error) {
      recorder.log.push(`failed ${call.sql}`)
      throw error
    }
    recorder.log.push(`after ${call.sql}`)
    if (/^(?:begin|start)/i.test(call.sql)) this.isOpen = true
    if (/^(?:commit|rollback)\s*;?$/i.test(call.sql)) this.isOpen = false
  }

  async release(): Promise<void> {
    this.#recorder.log.push('release')
    this.isOpen = false
    await this.#recorder.release(this.#session)
  }

  reset(): void {
    this.isOpen = false
  }
}
