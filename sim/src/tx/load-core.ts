/**
 * The code under simulation, as it is or with one deliberate bug. A bug is a patch of the real
 * source: one snippet, which must be there exactly once, is replaced while the module loads.
 * Modules with a bug are loaded under an address of their own, so many of them live in one process.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { assert } from '@settee/kit'
import type { TxCore } from './core.ts'
import type { Mutant } from './mutants/mutant.ts'
import type { SeedPlan } from './plan.ts'
import type * as simulateModule from './simulate.ts'
import type { SeedResult } from './simulate.ts'

type SimulateModule = typeof simulateModule

/** Runs one seed. */
export type Simulate = (plan: SeedPlan) => Promise<SeedResult>

const key = 'mutant'
const root = new URL('../../../', import.meta.url).href
/**
 * What may carry a bug: the coordinator, its client, its journal, and the models of this folder.
 */
const mutableFolders = ['packages/tx/src/', 'packages/journal/src/', 'sim/src/tx/']

const loaded = new Map<string, Mutant>()
/** Snippets that were replaced, by mutant. */
const patchCounts = new Map<string, number>()
let isHooked = false

/** @param mutant undefined: the code as it is. */
export async function loadSimulation(mutant?: Mutant): Promise<Simulate> {
  const suffix = mutant === undefined ? '' : `?${key}=${mutant.name}`
  if (mutant !== undefined) {
    hook()
    loaded.set(mutant.name, mutant)
  }
  const coreUrl = import.meta.resolve('@settee/tx/internal')
  const simulateUrl = new URL('./simulate.ts', import.meta.url).href
  const core = (await import(coreUrl + suffix)) as TxCore
  const { simulateSeed } = (await import(simulateUrl + suffix)) as SimulateModule
  if (mutant !== undefined) {
    const count = patchCounts.get(mutant.name) ?? 0
    const text = `${count} of ${mutant.patches.length} patches of ${mutant.name} found their file`
    assert(count === mutant.patches.length, text)
  }
  return (plan) => simulateSeed(core, plan)
}

function hook(): void {
  if (isHooked) return
  isHooked = true
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context)
      const name = mutantOf(context.parentURL)
      if (name === null || !isMutable(resolved.url) || resolved.url.includes('?')) return resolved
      return { ...resolved, url: `${resolved.url}?${key}=${name}` }
    },
    load(url, context, nextLoad) {
      const name = mutantOf(url)
      if (name === null) return nextLoad(url, context)
      const source = patch(url, loaded.get(name) as Mutant)
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}

function isMutable(url: string): boolean {
  return mutableFolders.some((folder) => url.startsWith(root + folder))
}

function mutantOf(url: string | undefined): string | null {
  return url?.includes(`?${key}=`) === true ? new URL(url).searchParams.get(key) : null
}

function patch(url: string, { name, patches }: Mutant): string {
  const file = new URL(url)
  file.search = ''
  let source = readFileSync(fileURLToPath(file), 'utf8')
  for (const { path, from, to } of patches) {
    if (file.href !== root + path) continue
    const count = source.split(from).length - 1
    assert(count === 1, `mutant ${name}: its snippet is ${count} times in ${path}:\n${from}`)
    source = source.replace(from, () => to)
    patchCounts.set(name, (patchCounts.get(name) ?? 0) + 1)
  }
  return source
}
