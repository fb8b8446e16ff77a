/**
 * `settee init NAME`: writes a working project with two services into the folder NAME.
 *
 * The project depends on the packages of the same version as this command. Out of a checkout these
 * are not in any registry yet, so they are built, packed and laid into the project itself; it then
 * runs anywhere, from the very files that would be published.
 */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { messageOf, parseConfig } from '@settee/kit'
import { version } from '@settee/server'
import { cliError } from '../errors.ts'
import { print } from '../terminal.ts'
import { packCheckout } from './pack-checkout.ts'

const packageDir = join(import.meta.dirname, '..', '..')
const templateDir = join(packageDir, 'templates', 'two-services')
const isInstalled = packageDir.split(sep).includes('node_modules')

/** Files that npm would leave out of the package under their own names. */
const hiddenFiles: readonly string[] = ['gitignore', 'npmrc']

interface ProjectManifest {
  name: string
  dependencies: Record<string, string>
  overrides?: Record<string, string>
}

export async function initProject(argv: readonly string[]): Promise<void> {
  const { positional } = parseConfig({}, { argv })
  const [name, ...rest] = positional
  if (name === undefined || rest.length > 0) {
    throw cliError('SETTEE_CLI_USAGE', 'settee init needs one name, such as: settee init my-shop')
  }
  checkName(name)
  const folder = resolve(name)
  const isNew = await prepareFolder(folder)
  try {
    await writeProject(folder, name)
  } catch (error) {
    // Half a project would be in the way of the next attempt.
    await removeProject(folder, isNew)
    throw error
  }
  print(`
Wrote ${name}: the services inventory and orders, and a transaction over both. Next:

  cd ${name}
  npm install && npm start

README.md says what to read then.`)
}

/** A name is a folder here and the name of an npm package: small, and no way out of this folder. */
function checkName(name: string): void {
  const shown = JSON.stringify(name.slice(0, 60))
  if (/[/\\]/.test(name) || /^\.+$/.test(name)) {
    throw cliError(
      'SETTEE_CLI_USAGE',
      `settee init takes a name, not the path ${shown}; change to the folder above it first`,
    )
  }
  if (/^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9_-])?$/.test(name)) {
    if (!takenNames.includes(name)) return
    throw cliError('SETTEE_CLI_USAGE', `npm keeps the name ${shown} for itself; choose another`)
  }
  throw cliError(
    'SETTEE_CLI_USAGE',
    `${shown} cannot be the name of a project; take up to 100 small letters, digits, dots and ` +
      'dashes, with a letter or digit first, such as my-shop',
  )
}

const takenNames: readonly string[] = ['node_modules', 'favicon.ico', 'settee', 'typescript']

/** @returns whether the folder was made. */
async function prepareFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(folder, error)
  }
  const entries = await readdir(folder).catch((error: unknown) => {
    throw unusable(folder, error)
  })
  if (entries.length === 0) return false
  throw cliError(
    'SETTEE_CLI_FOLDER_EXISTS',
    `${folder} exists and is not empty; choose another name or remove it`,
  )
}

async function writeProject(folder: string, name: string): Promise<void> {
  try {
    await cp(templateDir, folder, { recursive: true })
    for (const file of hiddenFiles) await rename(join(folder, file), join(folder, `.${file}`))
    const readme = join(folder, 'README.md')
    await writeFile(readme, (await readFile(readme, 'utf8')).replaceAll('PROJECT_NAME', name))
  } catch (error) {
    throw unusable(folder, error)
  }
  const tarballs = isInstalled ? undefined : await packCheckout(join(folder, 'vendor'), print)
  const path = join(folder, 'package.json')
  const manifest = JSON.parse(await readFile(path, 'utf8')) as ProjectManifest
  manifest.name = name
  setVersions(manifest, tarballs)
  await writeFile(path, `${JSON.stringify(manifest, undefined, 2)}\n`)
}

/** @param tarballs file name of each package in `vendor`; undefined takes all from the registry. */
function setVersions(
  manifest: ProjectManifest,
  tarballs: ReadonlyMap<string, string> | undefined,
): void {
  for (const [name, wanted] of Object.entries(manifest.dependencies)) {
    if (wanted === 'SETTEE_VERSION') manifest.dependencies[name] = version
  }
  if (tarballs === undefined) return
  const overrides: Record<string, string> = {}
  for (const [name, file] of tarballs) {
    const isDirect = Object.hasOwn(manifest.dependencies, name)
    if (isDirect) manifest.dependencies[name] = `file:vendor/${file}`
    // What the packages want of each other comes out of vendor as well.
    overrides[name] = isDirect ? `$${name}` : `file:vendor/${file}`
  }
  manifest.overrides = overrides
}

async function removeProject(folder: string, isNew: boolean): Promise<void> {
  if (isNew) return rm(folder, { recursive: true, force: true })
  for (const entry of await readdir(folder)) {
    await rm(join(folder, entry), { recursive: true, force: true })
  }
}

function unusable(folder: string, cause: unknown): Error {
  return cliError(
    'SETTEE_CLI_FOLDER_UNUSABLE',
    `${folder} cannot be written: ${messageOf(cause)}; choose another folder or its permissions`,
    { cause },
  )
}
