/** Rules about what we install: where it comes from and under which licence. */
import type { Problem, Repository } from './repository.ts'

/** Licences that let users ship Settee in closed products. MPL-2.0 asks only for its own files. */
const allowedLicenses: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'MPL-2.0',
  'PostgreSQL',
  'Python-2.0',
  'Unlicense',
])

/** What only tests load, and nobody gets from us. */
const allowedForTests: ReadonlySet<string> = new Set([
  // LGPL-2.1-or-later: the driver that AT mode is tested with; applications bring their own.
  'node_modules/mariadb',
])

interface LockEntry {
  readonly resolved?: string
  readonly link?: boolean
  /** Nothing that we publish depends on it. */
  readonly dev?: boolean
  readonly license?: string
}

/** The lock and .npmrc name no registry, so that everybody installs from their own. */
export function checkRegistry(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const [path, entry] of lockEntries(repository)) {
    if (entry.resolved === undefined || !/^[a-z+]+:/.test(entry.resolved)) continue
    problems.push(
      `package-lock.json: ${path} comes from ${entry.resolved}; keep ` +
        'omit-lockfile-registry-resolved=true in .npmrc and write the lock again',
    )
  }
  for (const line of (repository.read('.npmrc') ?? '').split('\n')) {
    if (!/registry\s*=\s*http|_auth|\/\//.test(line)) continue
    problems.push(`.npmrc names a registry or a credential (${line.split('=')[0]}): remove it`)
  }
  return problems
}

/** Every installed package has a licence of the list. */
export function checkLicenses(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const [path, entry] of lockEntries(repository)) {
    if (entry.link === true || !path.startsWith('node_modules/')) continue
    if (allowedForTests.has(path) && entry.dev === true) continue
    const license = licenseOf(repository.read(`${path}/package.json`)) ?? entry.license
    if (license === undefined || !isAllowedLicense(license)) {
      problems.push(`${path} has licence ${license ?? '(none)'}: replace it, or allow it here`)
    }
  }
  return problems
}

/** Evaluates the SPDX expressions that occur: one AND or OR level, perhaps in parentheses. */
export function isAllowedLicense(expression: string): boolean {
  const plain = expression.replaceAll(/[()]/g, '').trim()
  if (plain.includes(' OR ')) return plain.split(' OR ').some(isAllowedLicense)
  if (plain.includes(' AND ')) return plain.split(' AND ').every(isAllowedLicense)
  return allowedLicenses.has(plain)
}

function licenseOf(manifest: string | undefined): string | undefined {
  if (manifest === undefined) return undefined
  return (JSON.parse(manifest) as { license?: string }).license
}

function lockEntries(repository: Repository): [path: string, entry: LockEntry][] {
  const lock = JSON.parse(repository.read('package-lock.json') ?? '{}') as {
    packages?: Record<string, LockEntry>
  }
  return Object.entries(lock.packages ?? {})
}
