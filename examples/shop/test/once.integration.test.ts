/** `npm start -- --once` as a newcomer runs it, on databases that npm does not bring. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'node:test'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

interface Run {
  readonly code: number
  readonly output: string
  readonly errors: string
}

describe('a bounded run', () => {
  for (const [db, description] of [
    ['mariadb', /databases: MariaDB \d+/],
    ['mixed', /databases: order on PostgreSQL \d.*stock on MariaDB \d.*account on PostgreSQL \d/],
  ] as const) {
    test(`on ${db} holds and ends with a line for machines`, async () => {
      const { code, output, errors } = await runOnce(db)
      assert.equal(code, 0, output + errors)
      assert.match(output, description)
      const last = JSON.parse(output.trim().split('\n').at(-1)!) as Record<string, unknown>
      const { committed, rolledBack, seconds: _seconds, ...others } = last
      assert.equal(Number(committed) + Number(rolledBack), 60)
      assert.ok(Number(committed) > 0)
      assert.deepEqual(others, {
        purchases: 60,
        inDoubt: 0,
        conserved: true,
        undoRows: 0,
        locks: 0,
        killed: ['account', 'server'],
      })
    })
  }

  for (const [db, sentence] of [
    ['oracle', /^settee shop: --db is "oracle", but must be sqlite, postgres, mariadb, mixed or/],
    ['mysql://nobody@127.0.0.1:1/x', /^settee shop: MariaDB at 127\.0\.0\.1:1 cannot be used: .+/],
  ] as const) {
    test(`on ${db} says in one sentence what is wrong`, async () => {
      const { code, errors } = await runOnce(db)
      assert.equal(code, 1)
      assert.match(errors, sentence)
      assert.equal(errors.trim().split('\n').length, 1)
    })
  }
})

function runOnce(db: string): Promise<Run> {
  const args = ['--disable-warning=ExperimentalWarning', main]
  args.push('--once', '--db', db, '--purchases', '60')
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, output, errors) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output, errors }),
    )
  })
}
