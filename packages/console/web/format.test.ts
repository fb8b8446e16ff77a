import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFormat } from './format.ts'
import { createTranslate } from './i18n/translate.ts'

const en = createFormat('en', createTranslate('en'))
const zh = createFormat('zh', createTranslate('zh'))

const durations: readonly (readonly [ms: number, english: string, chinese: string])[] = [
  [0, '0 s', '0 秒'],
  [0.2, '1 ms', '1 毫秒'],
  [132, '132 ms', '132 毫秒'],
  [1_349, '1.3 s', '1.3 秒'],
  [9_999, '9.9 s', '9.9 秒'],
  [59_999, '59 s', '59 秒'],
  [60_000, '1 min', '1 分钟'],
  [125_000, '2 min 5 s', '2 分钟 5 秒'],
  [11_520_000, '3 h 12 min', '3 小时 12 分钟'],
  [187_200_000, '2 d 4 h', '2 天 4 小时'],
  [-5, '0 s', '0 秒'],
]

for (const [ms, english, chinese] of durations) {
  test(`${ms} ms is read as ${english}`, () => {
    assert.equal(en.duration(ms), english)
    assert.equal(zh.duration(ms), chinese)
  })
}

test('a countdown has whole seconds and does not reach zero too early', () => {
  assert.equal(en.countdown(4_001), '5 s')
  assert.equal(en.countdown(1), '1 s')
  assert.equal(en.countdown(-1), '0 s')
})

test('offsets within a minute have their milliseconds', () => {
  assert.equal(en.offset(0), '0')
  assert.equal(en.offset(10_020), '+10,020 ms')
  assert.equal(en.offset(125_000), '+2 min 5 s')
})

test('the day is named only when it is another one', () => {
  const noon = new Date(2026, 10, 21, 12, 1, 7).getTime()
  assert.equal(en.time(noon, noon + 60_000), '12:01:07')
  assert.match(en.time(noon, noon + 86_400_000), /21 Nov.*12:01:07/)
})

test('sizes are binary', () => {
  assert.equal(en.bytes(0), '0 B')
  assert.equal(en.bytes(1_536), '1.5 KiB')
  assert.equal(en.bytes(118_000_000), '113 MiB')
})

test('rates below ten have one decimal', () => {
  assert.equal(en.rate(0.25), '0.3')
  assert.equal(en.rate(1_234.5), '1,235')
})
