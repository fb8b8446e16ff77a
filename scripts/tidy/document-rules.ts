/** Rules about documents and texts: links, translations, machine paths. */
import { posix } from 'node:path'
import type { Problem, Repository } from './repository.ts'

/** Relative links and anchors of every Markdown file lead somewhere. */
export function checkLinks(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const path of markdownFiles(repository)) {
    const text = withoutCode(repository.read(path)!)
    for (const [, link] of text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue
      const [file, anchor] = decodeURI(link!).split('#') as [string, string?]
      const target = file === '' ? path : posix.join(posix.dirname(path), file)
      const problem = linkProblem(repository, target, anchor)
      if (problem !== undefined) problems.push(`${path} links to ${link}: ${problem}`)
    }
  }
  return problems
}

function linkProblem(
  repository: Repository,
  target: string,
  anchor: string | undefined,
): string | undefined {
  const folder = target.replace(/\/$/, '')
  const exists = repository.files.some((path) => path === folder || path.startsWith(`${folder}/`))
  if (!exists) return `${target} does not exist`
  if (anchor === undefined || !target.endsWith('.md')) return undefined
  const anchors = anchorsOf(repository.read(target)!)
  return anchors.includes(anchor) ? undefined : `${target} has no heading #${anchor}`
}

/** The anchors that GitHub gives to the headings of a document. */
function anchorsOf(text: string): string[] {
  const counts = new Map<string, number>()
  return headingsOf(text).map(({ title }) => {
    const slug = title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-')
    const count = counts.get(slug) ?? 0
    counts.set(slug, count + 1)
    return count === 0 ? slug : `${slug}-${count}`
  })
}

/** A document and its translation have the same headings and as many code blocks. */
export function checkTranslations(repository: Repository): Problem[] {
  const pairs = markdownFiles(repository)
    .map((path) => [originalOf(path), path] as const)
    .filter(([original]) => original !== undefined)
  if (!repository.files.includes('README.zh-CN.md')) pairs.push(['README.md', 'README.zh-CN.md'])
  return pairs.flatMap(([original, translation]) => {
    const [text, translated] = [repository.read(original!), repository.read(translation)]
    if (text === undefined) return [`${original} is missing`]
    if (translated === undefined) return [`${translation} is missing`]
    const difference = firstDifference(outlineOf(text), outlineOf(translated))
    if (difference === undefined) return []
    return [`${translation} departs from ${original} at ${difference}: keep the same structure`]
  })
}

/** `README.zh-CN.md` translates `README.md`, and `docs/zh/x.md` translates `docs/x.md`. */
function originalOf(path: string): string | undefined {
  if (path.endsWith('.zh-CN.md')) return path.replace('.zh-CN.md', '.md')
  return path.startsWith('docs/zh/') ? path.replace('docs/zh/', 'docs/') : undefined
}

function outlineOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trimStart())
    .reduce<{ outline: string[]; inCode: boolean }>(
      ({ outline, inCode }, line) => {
        if (line.startsWith('```')) {
          if (!inCode) outline.push(line)
          return { outline, inCode: !inCode }
        }
        const level = inCode ? undefined : /^(#{1,6}) /.exec(line)?.[1]
        if (level !== undefined) outline.push(level)
        return { outline, inCode }
      },
      { outline: [], inCode: false },
    ).outline
}

function firstDifference(left: readonly string[], right: readonly string[]): string | undefined {
  const length = Math.max(left.length, right.length)
  for (let i = 0; i < length; i++) {
    if (left[i] !== right[i]) {
      return `heading or code block ${i + 1} (${left[i] ?? 'none'}, ${right[i] ?? 'none'})`
    }
  }
  return undefined
}

function headingsOf(text: string): { title: string }[] {
  return [...withoutFences(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) => ({
    title: title!.replaceAll(/`|\*\*|\[([^\]]*)\]\([^)]*\)/g, '$1').trim(),
  }))
}

function withoutFences(text: string): string {
  return text.replaceAll(/^\s*```[\s\S]*?^\s*```/gm, '')
}

function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/`[^`\n]*`/g, '')
}

function markdownFiles(repository: Repository): string[] {
  return repository.files.filter((path) => path.endsWith('.md'))
}

/** Folders of one person's machine, which exist nowhere else. */
const machinePath = /(?<![\w.~*-])\/(?:work|home|root|Users)\/[\w.-]+/

/** No text names a folder of somebody's machine. */
export function checkMachinePaths(repository: Repository): Problem[] {
  const problems: Problem[] = []
  for (const path of repository.files) {
    const text = repository.read(path)!
    if (text.includes('\0')) continue
    for (const [index, line] of text.split('\n').entries()) {
      const match = machinePath.exec(line)
      if (match === null) continue
      problems.push(`${path}:${index + 1} names ${match[0]}, which exists on one machine only`)
    }
  }
  return problems
}
