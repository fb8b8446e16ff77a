/**
 * Turns the events of node:test into messages for the process that counts (see test-run.ts).
 *
 * A test whose subtests failed is neither passed nor failed: its subtests are counted. A suite
 * counts only when it failed by itself, in a hook or while its file loaded.
 */
import type { EventData } from 'node:test'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

export type TestMessage =
  | { readonly type: 'start'; readonly file: string }
  /** A test below the file begins; `path` is its name behind those of its suites. */
  | { readonly type: 'begin'; readonly path: string }
  | { readonly type: 'pass' | 'skip' }
  /** `report` is the failure in full, or undefined when another message tells the cause. */
  | { readonly type: 'fail'; readonly report: string | undefined }
  | { readonly type: 'end'; readonly file: string; readonly durationMs: number }
  /** Sent when the process lingers after a file: what it still waits for. */
  | { readonly type: 'open'; readonly resources: readonly string[] }

/** Time after the last file until the process says what keeps it alive, in ms. */
const lingerMs = 4000

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<never> {
  const paths = new Map<number, string>()
  for await (const event of source) {
    if (event.type === 'test:enqueue') {
      const { testId, parentId, name } = event.data
      const parent = parentId === undefined ? undefined : paths.get(parentId)
      paths.set(testId, parent === undefined ? name : `${parent} > ${name}`)
    } else if (event.type === 'test:dequeue') {
      const { nesting, name, testId } = event.data
      if (nesting === 0) await send({ type: 'start', file: name })
      else await send({ type: 'begin', path: paths.get(testId) ?? name })
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const path = paths.get(event.data.testId) ?? event.data.name
      const message = event.type === 'test:pass' ? passOf(event.data) : failOf(event.data, path)
      if (message !== undefined) await send(message)
      if (event.data.nesting === 0) await endFile(event.data)
    }
  }
}

function passOf(data: EventData.TestPass): TestMessage | undefined {
  if (data.details.type === 'suite') return undefined
  return { type: data.skip === undefined && data.todo === undefined ? 'pass' : 'skip' }
}

function failOf(data: EventData.TestFail, path: string): TestMessage | undefined {
  if (data.todo !== undefined) return { type: 'skip' }
  const { error } = data.details
  const failureType = 'failureType' in error ? error.failureType : undefined
  if (failureType === 'subtestsFailed') return undefined
  if (failureType === 'cancelledByParent') return { type: 'fail', report: undefined }
  // node:test wraps what was thrown; the wrapper says nothing.
  const thrown = failureType === 'testTimeoutFailure' ? error : (error.cause ?? error)
  return { type: 'fail', report: `${path}\n${describeThrown(thrown)}` }
}

async function endFile(data: EventData.TestPass | EventData.TestFail): Promise<void> {
  await send({ type: 'end', file: data.name, durationMs: data.details.duration_ms })
  setTimeout(() => {
    void send({ type: 'open', resources: process.getActiveResourcesInfo() })
  }, lingerMs).unref()
}

/** Resolves when the message has left, because the process may end right after its last test. */
function send(message: TestMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send!(message, undefined, undefined, () => resolve())
  })
}

/** The error with its values and causes, without the frames of the runner. */
function describeThrown(thrown: unknown): string {
  const lines = inspect(thrown, { depth: 6 }).split('\n')
  const useful = lines.filter((line) => !/^\s+at .*\bnode:(internal|async_hooks)/.test(line))
  return useful.map((line) => `    ${line}`).join('\n')
}
