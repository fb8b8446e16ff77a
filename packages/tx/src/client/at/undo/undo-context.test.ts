import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { checkUndoContext, undoContext } from './undo-context.ts'

test('what Settee writes is what it reads', () => {
  checkUndoContext(undoContext)
})

test('unknown keys and a missing compressor are fine', () => {
  checkUndoContext('serializer=jackson&map=4194304&later=1')
})

const unreadable: [text: string, message: RegExp][] = [
  ['serializer=kryo&compressorType=NONE', /serializer that Settee cannot read/],
  ['{"serializerKey":"json"}', /serializer that Settee cannot read/],
  ['', /serializer that Settee cannot read/],
  ['serializer=jackson&compressorType=ZIP', /compressor that Settee cannot read/],
  ['serializer=jackson&compressorType=NONE&subId=1,2', /split log that Settee cannot read/],
]

for (const [text, message] of unreadable) {
  test(`the context ${JSON.stringify(text)} is refused`, () => {
    assert.throws(
      () => checkUndoContext(text),
      (error) => isSetteeError(error, 'SETTEE_TX_BAD_UNDO_LOG') && message.test(error.message),
    )
  })
}
