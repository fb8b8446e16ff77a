/**
 * `npm run setup:integration`: makes sure that a Debian machine has what the integration tests need
 * beyond npm. Installs when it may (as root), otherwise prints the one command that does.
 */
import { spawnSync } from 'node:child_process'

/** Debian packages, each with what needs it. */
const packages: Readonly<Record<string, string>> = {
  chromium: 'drives the console',
  'fonts-noto-cjk': 'shows the console in Chinese',
  'mariadb-server-core': 'is the database of the MySQL tests',
}

const installCommand = `apt-get update && apt-get install -y --no-install-recommends`

process.exitCode = setUp()

function setUp(): number {
  const missing = Object.keys(packages).filter((name) => !isInstalled(name))
  if (missing.length === 0) {
    console.log(`integration tests have what they need: ${Object.keys(packages).join(', ')}`)
    return 0
  }
  for (const name of missing) console.log(`missing: ${name}, which ${packages[name]}`)
  const command = `${installCommand} ${missing.join(' ')}`
  if (!canRun('apt-get')) {
    console.log('this is no Debian: install the same with the package manager of this system')
    return 1
  }
  if (process.getuid?.() !== 0) {
    console.log(`install with: sudo sh -c '${command}'`)
    return 1
  }
  console.log(command)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const result = spawnSync('sh', ['-c', command], { stdio: 'inherit', env: environment })
  return result.status ?? 1
}

function isInstalled(name: string): boolean {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name])
  return query.status === 0 && query.stdout.toString() === 'installed'
}

function canRun(command: string): boolean {
  return spawnSync(command, ['--version']).error === undefined
}
