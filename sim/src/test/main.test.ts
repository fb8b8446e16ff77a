/** The command line: what people and machines read of it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { it } from 'node:test'

function run(...args: readonly string[]): { status: number | null; lines: readonly string[] } {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
  })
  return { status, lines: `${stdout}${stderr}`.trimEnd().split('\n') }
}

it('seeds that pass end with a line that counts them', () => {
  const { status, lines } = run('tx', '--seeds', '3', '--workers', '2')
  assert.equal(lines.at(-1), '3 passed, 0 failed')
  assert.equal(status, 0)
})

it('a seed that fails says which rule was broken, shows events and how to run it again', () => {
  const { status, lines } = run('tx', '--seed', '1', '--mutant', 'commit-keeps-locks')
  const text = lines.join('\n')
  assert.match(text, /npm run sim -- tx --seed 1 --mutant commit-keeps-locks/)
  assert.match(text, /a commit frees its rows/)
  assert.match(text, /coordinator gets GlobalCommit/)
  assert.equal(lines.at(-1), '0 passed, 1 failed')
  assert.equal(status, 1)
})

it('what it does not know is refused with what there is', () => {
  const mistakes = [
    [['nothing'], /say which simulation to run: tx/],
    [['tx', '--mutant', 'nothing'], /no mutant is called nothing; there are .*commit-keeps-locks/],
    [['tx', '--seeds', '0'], /--seeds must be a whole number from 1 on, not 0/],
  ] as const
  for (const [args, message] of mistakes) {
    const { status, lines } = run(...args)
    assert.match(lines.join('\n'), message)
    assert.equal(status, 1)
  }
})
