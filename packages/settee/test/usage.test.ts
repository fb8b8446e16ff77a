/** What a person gets who calls the command in a wrong way: one sentence with the fix. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { anyPorts, runSettee, startSettee, type Ended } from './process.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settee-usage-'))
})
after(() => rm(folder, { recursive: true }))

function assertSentence(ended: Ended, code: number, sentence: RegExp): void {
  assert.match(ended.stderr, sentence)
  assert.match(ended.stderr, /^settee: [^\n]+\n$/, 'one line, no stack')
  assert.equal(ended.stdout, '')
  assert.equal(ended.code, code)
}

describe('what asks for help gets it on stdout, with exit code 0', () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /Usage: settee COMMAND[^]*init NAME[^]*--tx\.port PORT/],
    [['help'], /Usage: settee COMMAND/],
    [['--help'], /Usage: settee COMMAND/],
    [['-h'], /Usage: settee COMMAND/],
    [['server', '--help'], /Usage: settee COMMAND/],
    [['init', '-h'], /Usage: settee COMMAND/],
    [['version'], /^\d+\.\d+\.\d+\n$/],
    [['--version'], /^\d+\.\d+\.\d+\n$/],
  ]
  for (const [args, expected] of cases) {
    test(['settee', ...args].join(' '), async () => {
      const { code, stdout, stderr } = await runSettee(args)
      assert.match(stdout, expected)
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    })
  }
})

describe('wrong usage is one sentence with the fix, and exit code 2', () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['sever'], /no command "sever"; did you mean settee server\?/],
    [['itin'], /did you mean settee init\?/],
    [['something-else'], /no command "something-else"; settee help lists the commands/],
    [['constructor'], /no command "constructor"/],
    [['__proto__'], /no command "__proto__"/],
    [['x'.repeat(5000)], /no command "x{40}";/],
    [['dev', '--tx.prot', '1'], /unknown option --tx\.prot; did you mean --tx\.port\?/],
    [['dev', '--tx.port', 'http'], /--tx\.port is "http", but must be a port from 0 to 65535/],
    [['dev', 'now'], /settee dev takes options only, not "now"/],
    [['server'], /settee server needs a folder for its journal: --data DIR/],
    [['server', '--data'], /--data needs a value/],
    [['init'], /settee init needs one name, such as: settee init my-shop/],
    [['init', 'one', 'two'], /needs one name/],
    [['init', '--force', 'one'], /unknown option --force/],
    [
      ['init', '../up'],
      /takes a name, not the path "\.\.\/up"; change to the folder above it first/,
    ],
    [['init', '..'], /takes a name, not the path/],
    [['init', '/tmp/absolute'], /takes a name, not the path/],
    [['init', 'My Shop'], /"My Shop" cannot be the name of a project; .* such as my-shop/],
    [['init', '.hidden'], /cannot be the name/],
    [['init', ''], /"" cannot be the name/],
    [['init', 'x'.repeat(300)], /cannot be the name/],
    [['init', 'node_modules'], /npm keeps the name "node_modules" for itself; choose another/],
  ]
  for (const [args, sentence] of cases) {
    test(['settee', ...args].join(' ').slice(0, 60), async () => {
      assertSentence(await runSettee(args, { cwd: folder }), 2, sentence)
      assert.deepEqual(await readdir(folder), [], 'nothing is written')
    })
  }
})

describe('what stands in the way is one sentence with the fix, and exit code 1', () => {
  test('a port in use names the port and the option', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as { port: number }
    const ended = await runSettee(['dev', ...anyPorts, `--tx.port=${port}`])
    holder.close()
    assertSentence(ended, 1, new RegExp(`port ${port} .* in use .* another port with --tx\\.port`))
  })

  test('a data directory that cannot be made', async (t) => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    t.after(() => rm(file))
    const ended = await runSettee(['server', ...anyPorts, `--data=${join(file, 'below')}`])
    assertSentence(ended, 1, /journal directory .*file\/below/)
  })

  test('a data directory in use names the process', async (t) => {
    const data = join(folder, 'data')
    const holder = startSettee(['server', ...anyPorts, '--http.console=false', `--data=${data}`])
    t.after(() => rm(data, { recursive: true }))
    await holder.waitFor(/is ready/)
    const ended = await runSettee(['server', ...anyPorts, `--data=${data}`])
    holder.child.kill('SIGTERM')
    assert.equal((await holder.ended).code, 0)
    assertSentence(ended, 1, new RegExp(`in use by process ${holder.child.pid}; stop that process`))
  })

  test('an address that others can reach needs --allow-remote', async () => {
    const ended = await runSettee(['dev', ...anyPorts, '--tx.host=0.0.0.0'])
    assertSentence(ended, 1, /tx would listen on 0\.0\.0\.0, where .* --allow-remote/)
  })

  test('an HTTP address that others can reach needs a token as well', async () => {
    const ended = await runSettee(['dev', ...anyPorts, '--http.host=0.0.0.0', '--allow-remote'])
    assertSentence(ended, 1, /whoever reaches 0\.0\.0\.0; set a token with --http\.token/)
  })

  test('a folder that is not empty stays as it is', async (t) => {
    const taken = join(folder, 'taken')
    await mkdir(taken)
    await writeFile(join(taken, 'precious'), '')
    t.after(() => rm(taken, { recursive: true }))
    const ended = await runSettee(['init', 'taken'], { cwd: folder })
    assertSentence(ended, 1, /taken exists and is not empty; choose another name or remove it/)
    assert.deepEqual(await readdir(taken), ['precious'])
  })

  test('a file of that name', async (t) => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    t.after(() => rm(file))
    const ended = await runSettee(['init', 'file'], { cwd: folder })
    assertSentence(ended, 1, /file cannot be written: .*; choose another folder/)
  })

  test('a folder in which nobody may write', async (t) => {
    // Root may write everywhere but here.
    const isRoot = process.getuid?.() === 0
    const locked = isRoot ? '/proc' : join(folder, 'locked')
    if (!isRoot) {
      await mkdir(locked)
      await chmod(locked, 0o555)
      t.after(() => rm(locked, { recursive: true }))
    }
    const ended = await runSettee(['init', 'shop'], { cwd: locked })
    assertSentence(ended, 1, /shop cannot be written: .*; choose another folder/)
  })
})
