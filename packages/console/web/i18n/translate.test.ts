import assert from 'node:assert/strict'
import { test } from 'node:test'
import { en } from './en.ts'
import { createTranslate, formatMessage, pickLanguage, translateName } from './translate.ts'
import { zh } from './zh.ts'

const placeholders = (text: string): string[] =>
  [...new Set(Array.from(text.matchAll(/\{(\w+)\}/g), ([, name]) => name!))].toSorted()

test('both languages have the same keys', () => {
  assert.deepEqual(Object.keys(zh).toSorted(), Object.keys(en).toSorted())
})

test('both languages name the same values in every sentence', () => {
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    for (const form of en[key].split(' | ')) {
      assert.deepEqual(placeholders(form), placeholders(zh[key]), key)
    }
  }
})

test('a count of one has its own form in English', () => {
  const t = createTranslate('en')
  assert.equal(t('services.count', { count: 1 }), '1 service')
  assert.equal(t('services.count', { count: 0 }), '0 services')
  assert.equal(createTranslate('zh')('services.count', { count: 1 }), '1 个服务')
})

test('a value is put in as it is, whatever it contains', () => {
  assert.equal(formatMessage('{a} and {b}', { a: '{b}', b: '$&' }), '{b} and $&')
})

test('a status of a newer server keeps its own name', () => {
  const t = createTranslate('zh')
  assert.equal(translateName(t, 'status', 'Rollbacked'), '已回滚')
  assert.equal(translateName(t, 'status', 'Teleported'), 'Teleported')
  assert.equal(translateName(t, 'kind', '__proto__'), '__proto__')
})

test('the remembered language wins over that of the browser', () => {
  assert.equal(pickLanguage('en', 'zh-CN'), 'en')
  assert.equal(pickLanguage(null, 'zh-TW'), 'zh')
  assert.equal(pickLanguage('fr', 'fr-FR'), 'en')
})
