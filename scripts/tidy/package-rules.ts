/** Rules about the workspaces: layers, dependencies, entry points, READMEs. */
import { posix } from 'node:path'
import {
  floorOf,
  isLayerOverride,
  layerOverrides,
  mayImport,
  allPackages,
  packageName,
  type LintOverride,
} from '../layers.ts'
import {
  codeFiles,
  isTestFile,
  workspacesOf,
  type Manifest,
  type Problem,
  type Repository,
  type Workspace,
} from './repository.ts'
import { importsOf, packageOf } from './source-text.ts'

/** Folders of packages whose code is bundled at build time, so that nobody installs its parts. */
const bundledFolders: readonly string[] = ['packages/console']

/** Imports between packages follow the layer table. */
export function checkLayers(repository: Repository): Problem[] {
  const problems: Problem[] = []
  const folderOf = new Map(allPackages.map((folder) => [packageName(folder), folder]))
  for (const { directory } of workspacesOf(repository)) {
    const [parent, folder] = directory.split('/')
    if (parent !== 'packages') continue
    if (floorOf(folder!) === -1) {
      problems.push(`${directory} has no floor: add it to scripts/layers.ts and ARCHITECTURE.md`)
      continue
    }
    for (const path of codeFiles(repository, directory)) {
      for (const { specifier } of importsOf(repository.read(path)!)) {
        const imported = folderOf.get(packageOf(specifier) ?? '')
        if (imported === undefined || mayImport(folder!, imported)) continue
        problems.push(`${path} imports ${specifier}: see ARCHITECTURE.md#layers`)
      }
    }
  }
  return problems
}

/** .oxlintrc.json says what the layer table says. */
export function checkLintLayers(repository: Repository): Problem[] {
  const lint = JSON.parse(repository.read('.oxlintrc.json') ?? '{}') as {
    overrides?: LintOverride[]
  }
  const actual = (lint.overrides ?? []).filter(isLayerOverride)
  if (JSON.stringify(actual) === JSON.stringify(layerOverrides())) return []
  return ['.oxlintrc.json differs from scripts/layers.ts: run `node scripts/layers.ts`']
}

/** package.json lists what the code imports, and nothing else; our own packages in lockstep. */
export function checkDependencies(repository: Repository): Problem[] {
  const root = JSON.parse(repository.read('package.json')!) as Manifest
  const workspaces = workspacesOf(repository)
  const versions = new Map(workspaces.map(({ manifest }) => [manifest.name, manifest.version]))
  return workspaces.flatMap((workspace) => [
    ...missingDependencies(repository, workspace, root),
    ...unusedDependencies(repository, workspace),
    ...versionProblems(workspace, versions, root.version),
  ])
}

function missingDependencies(
  repository: Repository,
  { directory, manifest }: Workspace,
  root: Manifest,
): Problem[] {
  const installed = new Set([manifest.name, ...Object.keys(runtimeDependencies(manifest))])
  const inRepository = new Set([
    ...installed,
    ...Object.keys(manifest.devDependencies ?? {}),
    ...Object.keys(root.devDependencies ?? {}),
  ])
  const problems: Problem[] = []
  for (const path of codeFiles(repository, directory)) {
    const isShipped =
      path.startsWith(`${directory}/src/`) &&
      !isTestFile(path) &&
      !bundledFolders.includes(directory)
    for (const { specifier, isTypeOnly } of importsOf(repository.read(path)!)) {
      const name = packageOf(specifier)
      if (name === undefined) continue
      const allowed = isShipped && !isTypeOnly ? installed : inRepository
      if (allowed.has(name) || (isTypeOnly && allowed.has(`@types/${name}`))) continue
      problems.push(`${path} imports ${name}: add it to ${directory}/package.json`)
    }
  }
  return problems
}

function unusedDependencies(repository: Repository, { directory, manifest }: Workspace): Problem[] {
  const files = repository.files.filter(
    (path) => path.startsWith(`${directory}/`) && /\.(ts|tsx|html|css)$|tsconfig/.test(path),
  )
  const shipped = files.filter((path) => !isTestFile(path)).map((path) => repository.read(path)!)
  const all = files.map((path) => repository.read(path)!)
  const problems: Problem[] = []
  for (const [kind, names, texts] of [
    ['dependencies', Object.keys(runtimeDependencies(manifest)), shipped],
    ['devDependencies', Object.keys(manifest.devDependencies ?? {}), all],
  ] as const) {
    for (const name of names) {
      if (texts.some((text) => mentionsPackage(text, name))) continue
      problems.push(`${directory} does not use ${name}: remove it from its ${kind}`)
    }
  }
  return problems
}

function runtimeDependencies(manifest: Manifest): Readonly<Record<string, string>> {
  return {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
  }
}

/** Whether a string of the text names the package: imported, resolved or listed as types. */
function mentionsPackage(text: string, name: string): boolean {
  const plain = name.replace('@types/', '')
  return new RegExp(`['"]${plain.replaceAll(/[.]/g, '\\.')}(/[^'"]*)?['"]`).test(text)
}

function versionProblems(
  { directory, manifest }: Workspace,
  versions: ReadonlyMap<string, string>,
  rootVersion: string,
): Problem[] {
  const problems: Problem[] = []
  if (manifest.version !== rootVersion) {
    problems.push(`${directory} has version ${manifest.version}, the workspace ${rootVersion}`)
  }
  for (const [name, version] of Object.entries(runtimeDependencies(manifest))) {
    const own = versions.get(name)
    if (own === undefined || own === version) continue
    problems.push(`${directory} wants ${name} ${version}: our packages move in lockstep, ${own}`)
  }
  return problems
}

/** Folders of the repository that are no packages may use a package's test support. */
const repositoryOnly = /^(bench|interop|sim|examples\/[^/]+)$/
const testSupport = /^packages\/[^/]+\/(src|test)\/(.*\/)?test-[^/]+\.ts$/

/** Relative imports stay within their package and name a file that exists. */
export function checkRelativeImports(repository: Repository): Problem[] {
  const directories = workspacesOf(repository).map(({ directory }) => directory)
  const problems: Problem[] = []
  for (const path of codeFiles(repository)) {
    const home = directories.find((directory) => path.startsWith(`${directory}/`)) ?? 'scripts'
    for (const { specifier } of importsOf(repository.read(path)!)) {
      if (!specifier.startsWith('.')) continue
      const target = posix.join(posix.dirname(path), specifier)
      if (target.startsWith(`${home}/`)) continue
      if (repositoryOnly.test(home) && testSupport.test(target)) continue
      problems.push(`${path} imports ${specifier}, which leaves ${home}: import the package`)
    }
  }
  return problems
}

/** The exports map and bin of each package point at files that are there, or will be built. */
export function checkExports(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const { directory, manifest } of workspacesOf(repository)) {
    for (const [entry, conditions] of Object.entries(manifest.exports ?? {})) {
      const source = conditions['@settee/source']
      if (source === undefined) continue
      if (repository.read(posix.join(directory, source)) === undefined) {
        problems.push(`${directory} exports ${entry} as ${source}, which does not exist`)
      }
      const built = source.replace('./src/', './dist/').replace(/\.tsx?$/, '')
      for (const [condition, target] of [
        ['types', `${built}.d.ts`],
        ['default', `${built}.js`],
      ] as const) {
        if (conditions[condition] === target) continue
        problems.push(`${directory} exports ${entry}: condition ${condition} must be ${target}`)
      }
    }
    for (const [command, target] of Object.entries(manifest.bin ?? {})) {
      if (repository.read(posix.join(directory, target)) !== undefined) continue
      problems.push(`${directory} has the command ${command} at ${target}, which does not exist`)
    }
  }
  return problems
}

/** Every package explains itself. */
export function checkReadmes(repository: Repository): Problem[] {
  return workspacesOf(repository)
    .filter(({ directory }) => directory !== 'bench')
    .filter(({ directory }) => !repository.files.includes(`${directory}/README.md`))
    .map(({ directory }) => `${directory}/README.md is missing: one screen, see CONTRIBUTING.md`)
}
