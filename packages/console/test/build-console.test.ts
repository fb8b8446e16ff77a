/** The console builds itself where the repository has no build step. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { buildConsole, consoleDir } from '../src/index.ts'

test('the site is built once, whole, and not again while its sources are the same', async () => {
  const said: string[] = []
  await buildConsole((sentence) => said.push(sentence))
  const page = await readFile(join(consoleDir, 'index.html'), 'utf8')
  const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(page)?.[1]
  assert.ok(script, 'index.html names its script relative to itself')
  assert.ok((await readFile(join(consoleDir, script), 'utf8')).length > 0)

  said.length = 0
  await buildConsole((sentence) => said.push(sentence))
  assert.deepEqual(said, [])
})

test('nothing half built is left behind', async () => {
  const names = await readdir(dirname(consoleDir))
  assert.deepEqual(
    names.filter((name) => name.startsWith('building-')),
    [],
  )
})

test('the page loads nothing from elsewhere', async () => {
  const page = await readFile(join(consoleDir, 'index.html'), 'utf8')
  assert.doesNotMatch(page, /(?:src|href)="(?:https?:)?\/\//)
})
