/**
 * `npm run setup:integration`: makes sure that a Debian machine has what integration tests and
 * interop runs need beyond `npm ci`: Debian packages, installed when it may (as root), otherwise
 * it prints the one command that does; and the ORMs, which are too large for everyone's install.
 */
import { spawnSync } from 'node:child_process'

/** Debian packages, each with what needs it. */
const debianPackages: Readonly<Record<string, string>> = {
  chromium: 'drives the console',
  'fonts-noto-cjk': 'shows the console in Chinese',
  'mariadb-server-core': 'is the database of the MySQL tests',
}

const installCommand = `apt-get update && apt-get install -y --no-install-recommends`

/** Programs that may come from anywhere, with the Debian package that has them. */
const programs: Readonly<Record<string, readonly [debianPackage: string, purpose: string]>> = {
  java: ['openjdk-17-jdk-headless', 'runs the Seata clients and servers of the interop runs'],
  mvn: ['maven', 'builds the Java side of the interop runs'],
}

process.exitCode = installDebianPackages() || installOrms()

function installDebianPackages(): number {
  const missing = Object.keys(debianPackages).filter((name) => !isInstalled(name))
  for (const name of missing) console.log(`missing: ${name}, which ${debianPackages[name]}`)
  for (const [program, [name, purpose]] of Object.entries(programs)) {
    if (canRun(program)) continue
    console.log(`missing: ${program}, which ${purpose}`)
    missing.push(name)
  }
  if (missing.length === 0) {
    const names = [...Object.keys(debianPackages), ...Object.keys(programs)]
    console.log(`integration tests have what they need: ${names.join(', ')}`)
    return 0
  }
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

function installOrms(): number {
  const folder = new URL('../interop/orms', import.meta.url).pathname
  console.log(`npm ci in ${folder}`)
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'inherit',
  })
  return result.status ?? 1
}

function isInstalled(name: string): boolean {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name])
  return query.status === 0 && query.stdout.toString() === 'installed'
}

function canRun(command: string): boolean {
  return spawnSync(command, ['--version']).error === undefined
}
