/** Rules about source files: names, widths, pure cores, error codes. */
import { posix } from 'node:path'
import { codeFiles, isTestFile, type Problem, type Repository } from './repository.ts'
import { blankNonCode, importsOf } from './source-text.ts'

/** Names that say nothing: name the thing by what it does. */
const bannedWords: readonly string[] = ['util', 'helper', 'common', 'misc']

/** Names that others chose: PostgreSQL's own of the nodes of its grammar. */
const foreignIdentifiers: ReadonlySet<string> = new Set(['CommonTableExpr'])

/** File names with capitals, by convention of the tools and people that look for them. */
const conventionalNames: readonly RegExp[] = [
  /^(README|CHANGELOG|CONTRIBUTING|ARCHITECTURE|SECURITY)(\.zh-CN)?\.md$/,
  /^(LICENSE|NOTICE|Dockerfile)$/,
  /^[A-Z][A-Za-z0-9]*\.java$/,
]

const kebabCase = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/

/** File and folder names are kebab-case and say what is inside. */
export function checkFileNames(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const path of repository.files) {
    if (path.includes('/fixtures/')) continue
    for (const part of path.split('/')) {
      if (!kebabCase.test(part) && !conventionalNames.some((name) => name.test(part))) {
        problems.push(`${path}: ${part} must be kebab-case`)
      }
    }
    const word = bannedWordIn(path)
    if (word !== undefined) problems.push(`${path}: "${word}" says nothing; name what it does`)
  }
  return problems
}

/** Identifiers do not contain words that say nothing. */
export function checkIdentifiers(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const path of codeFiles(repository)) {
    const code = blankNonCode(repository.read(path)!, false)
    for (const [index, line] of code.split('\n').entries()) {
      for (const [identifier] of line.matchAll(/[\p{L}_$#][\p{L}\p{N}_$]*/gu)) {
        const word = bannedWordIn(identifier)
        if (word === undefined || foreignIdentifiers.has(identifier)) continue
        problems.push(`${path}:${index + 1}: ${identifier} contains "${word}"; name what it does`)
      }
    }
  }
  return problems
}

function bannedWordIn(name: string): string | undefined {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
  return bannedWords.find((banned) => words.includes(banned) || words.includes(`${banned}s`))
}

/** Code has at most 100 columns; the formatter breaks code, but neither strings nor comments. */
export function checkColumns(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const path of codeFiles(repository)) {
    for (const [index, line] of repository.read(path)!.split('\n').entries()) {
      const columns = Array.from(line).length
      if (columns > 100) problems.push(`${path}:${index + 1} has ${columns} columns, limit 100`)
    }
  }
  return problems
}

/** What makes the outcome depend on more than (state, input, now). */
const impure = new RegExp(
  [
    String.raw`\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\b(performance|process|crypto)\b`,
    String.raw`\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b`,
    String.raw`\b(systemClock|systemRandom|sleep|currentContext|runWithContext)\b`,
  ].join('|'),
)

/**
 * Files in `src/core/` are pure: at run time they load only kit and files that are pure as well,
 * and they name no clock, timer or randomness. Types may come from anywhere below.
 */
export function checkPureCores(repository: Repository): Problem[] {
  const problems: Problem[] = []
  const waiting = codeFiles(repository).filter(
    (path) => /\/src\/core\//.test(path) && !isTestFile(path),
  )
  const seen = new Set(waiting)
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const source = repository.read(path)!
    const use = impure.exec(blankNonCode(source, false))
    if (use !== null) problems.push(`${path} uses ${use[0]}: take it as an argument`)
    for (const { specifier, isTypeOnly } of importsOf(source)) {
      if (isTypeOnly || specifier === '@settee/kit') continue
      const target = posix.join(posix.dirname(path), specifier)
      if (specifier.startsWith('.') && repository.files.includes(target)) {
        if (!seen.has(target)) waiting.push(target)
        seen.add(target)
      } else {
        problems.push(`${path} imports ${specifier}: a pure core loads only kit and pure files`)
      }
    }
  }
  return problems
}

/** An error code is declared once in the whole product. */
export function checkErrorCodes(repository: Repository): Problem[] {
  const owners = new Map<string, string>()
  const problems: Problem[] = []
  for (const path of codeFiles(repository, 'packages')) {
    if (isTestFile(path)) continue
    const code = blankNonCode(repository.read(path)!, true)
    for (const [, name] of code.matchAll(/^\s*(SETTEE_[A-Z0-9_]+):\s*\{/gm)) {
      const owner = owners.get(name!)
      if (owner !== undefined) problems.push(`${path} declares ${name}, as ${owner} does`)
      owners.set(name!, path)
    }
  }
  return problems
}
