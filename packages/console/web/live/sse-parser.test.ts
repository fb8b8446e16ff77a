import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSseParser, type ServerEvent } from './sse-parser.ts'

function parse(chunks: readonly string[], limitLength?: number): ServerEvent[] {
  const events: ServerEvent[] = []
  const parser = createSseParser((event) => events.push(event), limitLength)
  for (const chunk of chunks) parser.push(chunk)
  return events
}

const stream =
  ': hello\n\nevent: overview\ndata: {"a":1}\n\n' +
  'event: services\r\ndata:[1,\r\ndata: 2]\r\n\r\nid: 7\ndata\n\n'
const expected = [
  { topic: 'overview', text: '{"a":1}' },
  { topic: 'services', text: '[1,\n2]' },
  { topic: 'message', text: '' },
]

test('events, comments, several data lines and both line ends are read', () => {
  assert.deepEqual(parse([stream]), expected)
})

test('it does not matter where the stream is cut', () => {
  const cuts = fc.array(fc.nat({ max: stream.length }), { maxLength: 8 })
  fc.assert(
    fc.property(cuts, (positions) => {
      const edges = [0, ...positions.toSorted((a, b) => a - b), stream.length]
      assert.deepEqual(parse(edges.slice(1).map((end, i) => stream.slice(edges[i], end))), expected)
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('an event that is not finished is not reported', () => {
  assert.deepEqual(parse(['event: overview\ndata: {}\n']), [])
})

test('an event beyond the limit is refused, in one line or in many', () => {
  assert.throws(() => parse([`data: ${'x'.repeat(20)}`], 16), /longer than 16/)
  assert.throws(() => parse(['data: 12345678\n'.repeat(3)], 16), /longer than 16/)
})
