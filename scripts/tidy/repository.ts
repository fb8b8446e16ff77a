/**
 * What the tidy rules look at: the files that git tracks or would track, and the manifests of the
 * workspaces. Rules are functions from a {@link Repository} to problems, so that tests can hand
 * them a repository made of strings.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'

export interface Repository {
  /** Paths from the root with forward slashes, sorted. */
  readonly files: readonly string[]
  /** Text of one of {@link files}, or of a file that is not tracked; undefined without such. */
  read(path: string): string | undefined
}

/** One sentence: what is wrong, where, and what to do. */
export type Problem = string

export type Rule = (repository: Repository) => readonly Problem[]

/** The parts of package.json that rules read. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** A folder with a package.json below the root. */
export interface Workspace {
  /** Such as `packages/tx`. */
  readonly directory: string
  readonly manifest: Manifest
}

/** The repository on disk at `root`. */
export function openRepository(root: string): Repository {
  // A clone that belongs to another user is no danger here: git only lists names.
  const listing = execFileSync(
    'git',
    ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 },
  )
  const files = [...new Set(listing.split('\0'))]
    .filter((path) => statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true)
    .toSorted()
  const texts = new Map<string, string>()
  return {
    files,
    read(path) {
      const known = texts.get(path)
      if (known !== undefined) return known
      if (!existsSync(join(root, path))) return undefined
      const text = readFileSync(join(root, path), 'utf8')
      texts.set(path, text)
      return text
    },
  }
}

export function workspacesOf(repository: Repository): Workspace[] {
  return repository.files
    .filter((path) => /^((packages|examples)\/[^/]+|bench|interop|sim)\/package\.json$/.test(path))
    .map((path) => ({
      directory: posix.dirname(path),
      manifest: JSON.parse(repository.read(path)!) as Manifest,
    }))
}

/**
 * TypeScript files below `directory`, without those of a package inside it that is installed by
 * itself; all files without a directory. Recorded fixtures are no code.
 */
export function codeFiles(repository: Repository, directory = ''): string[] {
  const prefix = directory === '' ? '' : `${directory}/`
  const nested = repository.files
    .filter((path) => path.startsWith(prefix) && path.endsWith('/package.json'))
    .map((path) => `${posix.dirname(path)}/`)
    .filter((folder) => directory !== '' && folder !== prefix)
  return repository.files.filter(
    (path) =>
      path.startsWith(prefix) &&
      /\.tsx?$/.test(path) &&
      !path.includes('/fixtures/') &&
      !nested.some((folder) => path.startsWith(folder)),
  )
}

/** Whether the file is a test, or serves tests alone: in `test/`, or named `test-x.ts`. */
export function isTestFile(path: string): boolean {
  return /\.test\.tsx?$|\/test\/|\/test-[^/]+\.ts$/.test(path)
}
