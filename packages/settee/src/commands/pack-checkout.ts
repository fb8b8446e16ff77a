/**
 * Builds the packages of this checkout and packs them as `npm publish` would, for a project that
 * cannot get them from a registry yet.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildConsole } from '@settee/console'
import { cliError } from '../errors.ts'

const checkoutDir = join(import.meta.dirname, '..', '..', '..', '..')

/** What a tool says at most that is kept for the error, in UTF-16 units. */
const outputLimitLength = 16_384

/**
 * @param vendorDir is made and filled with a tarball for each package.
 * @returns the file names, by package.
 * @throws SETTEE_CLI_PACK_FAILED, SETTEE_CONSOLE_BUILD_FAILED.
 */
export async function packCheckout(
  vendorDir: string,
  onProgress: (sentence: string) => void,
): Promise<ReadonlyMap<string, string>> {
  onProgress('Building and packing the packages of this checkout for the new project.')
  await buildConsole(onProgress)
  // The sources run unchecked as well; their types are the business of npm run check.
  const build = [compilerPath(), '-b', 'tsconfig.build.json', '--noCheck']
  await run('the compiler', process.execPath, build)
  await mkdir(vendorDir)
  const packages = await listPackages()
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const workspaces = packages.map(({ folder }) => `--workspace=packages/${folder}`)
  await run('npm pack', npm, ['pack', ...workspaces], {
    ...process.env,
    npm_config_pack_destination: vendorDir,
    npm_config_loglevel: 'error',
  })
  const tarballs = new Map<string, string>()
  for (const { name, version } of packages) {
    const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
    if (!existsSync(join(vendorDir, file))) {
      throw cliError('SETTEE_CLI_PACK_FAILED', `npm pack made no ${file}; npm must be version 9 up`)
    }
    tarballs.set(name, file)
  }
  return tarballs
}

interface Package {
  readonly folder: string
  readonly name: string
  readonly version: string
}

async function listPackages(): Promise<readonly Package[]> {
  const packages: Package[] = []
  for (const folder of await readdir(join(checkoutDir, 'packages'))) {
    const path = join(checkoutDir, 'packages', folder, 'package.json')
    if (!existsSync(path)) continue
    const { name, version } = JSON.parse(await readFile(path, 'utf8')) as Package
    packages.push({ folder, name, version })
  }
  return packages
}

function compilerPath(): string {
  return join(checkoutDir, 'node_modules', 'typescript', 'bin', 'tsc')
}

function run(
  name: string,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: checkoutDir,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: command.endsWith('.cmd'),
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-outputLimitLength)
      })
    }
    const refuse = (said: string, cause?: unknown): void => {
      const [firstLine] = said.trim().split('\n')
      const what = `${name} failed in ${checkoutDir}: ${firstLine}`
      const message = `${what}; run npm ci there and try again`
      reject(cliError('SETTEE_CLI_PACK_FAILED', message, { cause, details: { said } }))
    }
    child.once('error', (error) => refuse(error.message, error))
    child.once('close', (code) => {
      if (code === 0) resolve()
      else refuse(output || `it ended with exit code ${code}`)
    })
  })
}
