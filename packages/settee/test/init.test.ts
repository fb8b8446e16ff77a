/**
 * `settee init` as a newcomer meets it: the project is written, installed out of its own tarballs,
 * run and checked, in a folder that knows nothing of this checkout.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { anyPorts, runSettee, start, type Ended } from './process.ts'

/** Downloads take their time on a slow line. */
const installLimit = { timeout: 5 * 60_000 }
const runLimit = { timeout: 60_000 }

interface Manifest {
  readonly name: string
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

let parent: string
let project: string
before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'settee-init-'))
  project = join(parent, 'my-shop')
})
after(() => rm(parent, { recursive: true, force: true }))

function npm(...args: readonly string[]): Promise<Ended> {
  return start('npm', args, { cwd: project }).ended
}

function assertFine({ code, stdout, stderr }: Ended): void {
  assert.equal(code, 0, `${stdout}\n${stderr}`)
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
}

test('init writes a project and says the next two commands', runLimit, async () => {
  const ended = await runSettee(['init', 'my-shop'], { cwd: parent })
  assertFine(ended)
  assert.match(ended.stdout, /cd my-shop\n +npm install && npm start\n/)
  const names = await readdir(project)
  for (const name of ['.gitignore', '.npmrc', 'README.md', 'package.json', 'src', 'vendor']) {
    assert.ok(names.includes(name), name)
  }
  assert.match(await readFile(join(project, 'README.md'), 'utf8'), /^# my-shop\n/)
})

test('its tools and its Node have the versions of this repository', async () => {
  const manifest = await readManifest(project)
  const own = await readManifest(join(import.meta.dirname, '..', '..', '..'))
  assert.equal(manifest.name, 'my-shop')
  assert.deepEqual(manifest.optionalDependencies, own.optionalDependencies)
  for (const [name, version] of Object.entries(manifest.devDependencies)) {
    assert.equal(version, own.devDependencies[name], name)
  }
})

test('npm install takes our packages from its tarballs', installLimit, async () => {
  assertFine(await npm('install'))
  const lock = await readFile(join(project, 'package-lock.json'), 'utf8')
  const packages = (JSON.parse(lock) as { packages: Record<string, { resolved?: string }> })
    .packages
  const ours = Object.entries(packages).filter(([path]) => /\/(@settee\/\w+|settee)$/.test(path))
  assert.equal(ours.length, (await readdir(join(project, 'vendor'))).length)
  for (const [path, { resolved }] of ours) assert.match(resolved!, /^file:vendor\//, path)
})

test('the packages hold what they need and no tests', async () => {
  const modules = join(project, 'node_modules')
  const files = await readdir(join(modules, '@settee'), { recursive: true })
  const strays = files.filter((file) => /\.test\.|\/test-|tsbuildinfo|building-/.test(file))
  assert.deepEqual(strays, [])
  assert.ok(files.includes(join('console', 'dist', 'site', 'index.html')))
})

test('npm start -- --once rolls one order back and ends with exit code 0', runLimit, async () => {
  const ended = await npm('start', '--', '--once')
  assertFine(ended)
  assert.match(ended.stdout, /order-2 .* placed/)
  assert.match(ended.stdout, /order-3 .* rolled back: 50 cup wanted, 19 left/)
  assert.match(ended.stdout, /Console: http:\/\/127\.0\.0\.1:\d+/)
  assert.match(ended.stdout, /databases agree: order-1, order-2, order-4 are in both/)
  assert.equal(ended.stderr, '')
  assert.ok(!(await readdir(project)).includes('data'), 'nothing is left')
})

test('its types hold', runLimit, async () => {
  assertFine(await npm('run', 'typecheck'))
})

test('npx settee dev serves the console there', runLimit, async () => {
  // A process group of its own, because Ctrl-C reaches npx and its child alike.
  const dev = start('npx', ['settee', 'dev', ...anyPorts], { cwd: project, detached: true })
  const url = /http:\S+/.exec(await dev.waitFor(/Ctrl-C/))![0]
  try {
    assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'up' })
    let page = ''
    while (!page.includes('<script')) page = await (await fetch(url)).text()
    const script = /src="\.?(\/[^"]+\.js)"/.exec(page)![1]!
    const response = await fetch(url + script)
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type')!, /javascript/)
    assert.ok((await response.text()).length > 1000)
  } finally {
    process.kill(-dev.child.pid!, 'SIGINT')
    await dev.ended
  }
  await assert.rejects(fetch(`${url}/health`))
})

test('npm start goes on until it is told to stop, and leaves no process', runLimit, async () => {
  const run = start('npm', ['start', '--', ...anyPorts], { cwd: project, detached: true })
  const url = /http:\S+/.exec(await run.waitFor(/Ctrl-C stops everything/))![0]
  const group = run.child.pid!
  process.kill(-group, 'SIGINT')
  await run.ended
  await assert.rejects(fetch(`${url}/health`))
  assert.throws(() => process.kill(-group, 0), { code: 'ESRCH' })
})
