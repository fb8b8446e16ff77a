/** A MariaDB server of the run's own, from the programs of the Debian package. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, sleep } from '@settee/kit'
import { createConnection, type Connection } from 'mysql2/promise'
import { shopError } from '../errors.ts'
import { freePort, type DatabaseServer } from './engine.ts'

const host = '127.0.0.1'
/** A server that is not up after this has failed, in ms; and the pause between attempts. */
const startLimitMs = 60_000
const retryMs = 20

/** @param folder the files of the server go into a folder of it. */
export async function startMariadbServer(folder: string): Promise<DatabaseServer> {
  const program = findProgram('mariadbd')
  const install = findProgram('mariadb-install-db')
  const port = await freePort()
  const files = join(folder, 'mariadb')
  const log = join(folder, 'mariadb.log')
  const asUser = process.getuid?.() === 0 ? ['--user=root'] : []
  // In a shared one, each server that starts deletes the temporary tables of the others.
  const temporary = join(folder, 'mariadb-tmp')
  await mkdir(temporary, { recursive: true })
  const args = [
    '--no-defaults',
    `--tmpdir=${temporary}`,
    `--datadir=${files}`,
    `--socket=${join(folder, 'mariadb.sock')}`,
    `--pid-file=${join(folder, 'mariadb.pid')}`,
    `--log-error=${log}`,
    `--bind-address=${host}`,
    `--port=${port}`,
    '--skip-name-resolve',
    '--performance-schema=OFF',
    '--character-set-server=utf8mb4',
    ...asUser,
  ]
  await promisify(execFile)(install, [
    '--no-defaults',
    `--tmpdir=${temporary}`,
    `--datadir=${files}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    ...asUser,
  ]).catch((error: unknown) => fail(`mariadb-install-db failed: ${messageOf(error)}`, error))

  let child = spawn(program, args, { stdio: 'ignore' })
  // A run that is ended from outside leaves no server behind.
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  const url = `mysql://root@${host}:${port}/mysql`

  async function kill(): Promise<void> {
    if (!isRunning(child)) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  async function stop(): Promise<void> {
    process.off('exit', end)
    await kill()
  }

  try {
    await whenUp(child, url, files, log)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    stop,
    async killAndRestart() {
      await kill()
      child = spawn(program, args, { stdio: 'ignore' })
      await whenUp(child, url, files, log)
    },
  }
}

/** Resolves as soon as the server lets anyone in. */
async function whenUp(child: ChildProcess, url: string, files: string, log: string): Promise<void> {
  const endMs = performance.now() + startLimitMs
  while (!(await isUp(url, files))) {
    if (isRunning(child) && performance.now() < endMs) {
      await sleep(retryMs)
      continue
    }
    const text = await readFile(log, 'utf8').catch(() => '')
    fail(`mariadbd did not start: ${text.trim().slice(-1000)}`)
  }
}

/** Whether the server on these files answers: another one may have taken its port meanwhile. */
async function isUp(url: string, files: string): Promise<boolean> {
  let connection: Connection | undefined
  try {
    connection = await createConnection({ uri: url })
    const [rows] = await connection.query('SELECT @@datadir AS files')
    return (rows as { files: string }[])[0]!.files === `${files}/`
  } catch {
    return false
  } finally {
    connection?.destroy()
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** Debian keeps the server in /usr/sbin, which is not on every PATH. */
function findProgram(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const path = folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
  if (path !== undefined) return path
  return fail(
    `${name} is not installed: install the package mariadb-server-core ` +
      '(apt-get install mariadb-server-core), or give a mysql:// URL in --db',
  )
}

function fail(message: string, cause?: unknown): never {
  throw shopError('SHOP_BAD_DATABASE', message, { cause })
}
