import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { FrameSplitter } from './frame-splitter.ts'
import { encodeTestFrames, testFrameLength } from './test-protocol.ts'

function collect(): { splitter: FrameSplitter; bodies: string[] } {
  const bodies: string[] = []
  const splitter = new FrameSplitter(testFrameLength, 1 << 20, (reader) => {
    reader.skip(4)
    bodies.push(reader.utf8(reader.remaining))
  })
  return { splitter, bodies }
}

describe('frame splitter', () => {
  test('hands out the frames of a stream however it is cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 9000 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 40 }),
        (sent, cuts) => {
          const stream = encodeTestFrames(sent)
          const { splitter, bodies } = collect()
          for (let offset = 0, i = 0; offset < stream.length; i++) {
            const size = cuts[i % cuts.length]!
            splitter.push(stream.subarray(offset, offset + size))
            offset += size
          }
          assert.deepEqual(bodies, sent)
          assert.equal(splitter.carriedBytes, 0)
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  test('hands out frames byte by byte', () => {
    const { splitter, bodies } = collect()
    for (const byte of encodeTestFrames(['a', '', 'ccc'])) splitter.push(Buffer.from([byte]))
    assert.deepEqual(bodies, ['a', '', 'ccc'])
  })

  test('a frame that announces more than the limit is refused before it is stored', () => {
    const { splitter } = collect()
    const header = Buffer.alloc(4)
    header.writeUInt32BE(2 ** 31)
    assert.throws(() => splitter.push(header), { code: 'SETTEE_WIRE_FRAME_TOO_LARGE' })
    assert.equal(splitter.carriedBytes, 0)
  })

  test('frames before a bad one are still handed out', () => {
    const { splitter, bodies } = collect()
    const bad = Buffer.from([0, 0, 0, 1])
    assert.throws(() => splitter.push(Buffer.concat([encodeTestFrames(['good']), bad])), {
      code: 'SETTEE_WIRE_BAD_FRAME',
    })
    assert.deepEqual(bodies, ['good'])
  })
})
