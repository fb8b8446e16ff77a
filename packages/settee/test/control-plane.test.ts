/** `settee dev` as a process: how small it is, and how it goes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { anyPorts, startSettee, type Running } from './process.ts'

/** What is promised on an idle machine. */
const stopLimitMs = 1000
const idleLimitMiB = 150

interface Ready {
  readonly kind: string
  readonly components: readonly { readonly name: string; readonly address: string }[]
}

function startDev(t: TestContext, args: readonly string[] = [], withChannel = false): Running {
  const dev = startSettee(['dev', ...anyPorts, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', ...(withChannel ? (['ipc'] as const) : [])],
  })
  t.after(() => dev.child.kill('SIGKILL'))
  return dev
}

async function assertAllPortsFree(stdout: string): Promise<void> {
  const ports = [...stdout.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
  assert.equal(ports.length, 3)
  for (const port of ports) {
    const probe = createServer().listen(port, '127.0.0.1')
    await once(probe, 'listening')
    probe.close()
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} stops it with exit code 0 within a second and frees its ports`, async (t) => {
    const dev = startDev(t)
    const stdout = await dev.waitFor(/Ctrl-C/)
    const askedMs = performance.now()
    dev.child.kill(signal)
    const { code, stderr } = await dev.ended
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.ok(performance.now() - askedMs < stopLimitMs)
    await assertAllPortsFree(stdout)
  })
}

test('a second signal does not wait', async (t) => {
  const dev = startDev(t)
  await dev.waitFor(/Ctrl-C/)
  // Both arrive before the first one is done with: 130 is what a shell says of an interrupted one.
  dev.child.kill('SIGINT')
  dev.child.kill('SIGTERM')
  assert.equal((await dev.ended).code, 130)
})

test('it tells its parent its addresses, and stops when the channel to it closes', async (t) => {
  const dev = startDev(t, [], true)
  const ready = await new Promise<Ready>((resolve) => {
    dev.child.on('message', (message: Ready) => message.kind === 'ready' && resolve(message))
  })
  const names = ready.components.map(({ name }) => name)
  assert.deepEqual(names, ['transactions', 'registry', 'console'])
  // Ctrl-C reaches the whole group, and the parent decides who stops when.
  dev.child.kill('SIGINT')
  const health = await fetch(`${ready.components[2]!.address}/health`)
  assert.deepEqual(await health.json(), { status: 'up' })
  dev.child.disconnect()
  const { code, stdout } = await dev.ended
  assert.equal(code, 0)
  await assertAllPortsFree(stdout)
})

test('SIGTERM stops a child although the channel to its parent stays open', async (t) => {
  const dev = startDev(t, [], true)
  await dev.waitFor(/Ctrl-C/)
  dev.child.kill('SIGTERM')
  assert.equal((await dev.ended).code, 0)
})

test('it keeps nothing in its data directory but the journal once it has stopped', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'settee-dev-'))
  t.after(() => rm(data, { recursive: true }))
  const dev = startDev(t, [`--data=${data}`])
  await dev.waitFor(/Ctrl-C/)
  dev.child.kill('SIGINT')
  await dev.ended
  assert.deepEqual(await readdir(data), ['tx'])
  const left = (await readdir(join(data, 'tx'))).filter((name) => /lock|tmp/.test(name))
  assert.deepEqual(left, [])
})

test('idle it takes less than 150 MB', async (t) => {
  const dev = startDev(t)
  const stdout = await dev.waitFor(/Ctrl-C/)
  const url = /http:\S+/.exec(stdout)![0]
  while (!(await (await fetch(url)).text()).includes('<script')) {
    // The site is being built or loaded, which would not be idle.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const overview = (await (await fetch(`${url}/api/v1/overview`)).json()) as Overview
  const residentMiB = overview.memoryBytes / 2 ** 20
  assert.ok(residentMiB < idleLimitMiB, `${residentMiB} MiB`)
})

interface Overview {
  readonly memoryBytes: number
}
