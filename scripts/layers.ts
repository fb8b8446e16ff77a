/**
 * The layer table: the only place that says which package may import which (ARCHITECTURE.md#layers
 * shows it as a picture). Imports run downwards; sideways only along `sideways`.
 *
 * `node scripts/layers.ts` writes the lint rules that follow from the table into .oxlintrc.json,
 * `npm run check` fails when the two disagree.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { toolCommand } from './tool.ts'

/** Folders under packages/, by floor: the index is the floor's number. */
const floors: readonly (readonly string[])[] = [
  ['kit'],
  ['wire'],
  ['bolt', 'sql'],
  ['journal'],
  ['rpc', 'registry', 'tx'],
  ['server', 'console', 'settee'],
]

/** Imports within a floor that are allowed, importer to imported. */
const sideways: Readonly<Record<string, readonly string[]>> = {
  rpc: ['registry'],
  server: ['console'],
  settee: ['server', 'console'],
}

export const allPackages: readonly string[] = floors.flat()

/** Name of the npm package in the folder: `tx` to `@settee/tx`. */
export function packageName(folder: string): string {
  return folder === 'settee' ? 'settee' : `@settee/${folder}`
}

/** Floor of the package in the folder; -1 when the table does not know it. */
export function floorOf(folder: string): number {
  return floors.findIndex((floor) => floor.includes(folder))
}

/** Whether the package in folder `importer` may import the one in folder `imported`. */
export function mayImport(importer: string, imported: string): boolean {
  if (importer === imported) return true
  if (floorOf(imported) < floorOf(importer)) return true
  return sideways[importer]?.includes(imported) ?? false
}

export interface LintOverride {
  readonly files: readonly string[]
  readonly rules: Readonly<Record<string, unknown>>
}

/** The overrides of .oxlintrc.json that keep the table, one for each package with a ban. */
export function layerOverrides(): readonly LintOverride[] {
  const overrides: LintOverride[] = []
  for (const importer of allPackages) {
    const banned = allPackages.filter((imported) => !mayImport(importer, imported))
    if (banned.length === 0) continue
    const patterns = banned.map((imported) => ({
      group: [packageName(imported), `${packageName(imported)}/*`],
      message:
        `${importer} (floor ${floorOf(importer)}) may not import ` +
        `${imported} (floor ${floorOf(imported)}): see ARCHITECTURE.md#layers`,
    }))
    overrides.push({
      files: [`packages/${importer}/**`],
      rules: { 'no-restricted-imports': ['error', { patterns }] },
    })
  }
  return overrides
}

/** Whether an override of the lint configuration is one of ours. */
export function isLayerOverride(override: LintOverride): boolean {
  return 'no-restricted-imports' in override.rules
}

if (import.meta.main) {
  const path = new URL('../.oxlintrc.json', import.meta.url)
  const lint = JSON.parse(readFileSync(path, 'utf8')) as { overrides: LintOverride[] }
  const others = lint.overrides.filter((override) => !isLayerOverride(override))
  lint.overrides = [...others, ...layerOverrides()]
  writeFileSync(path, JSON.stringify(lint))
  const [command, ...toolArguments] = toolCommand('oxfmt')
  spawnSync(command, [...toolArguments, '.oxlintrc.json'], { stdio: 'inherit' })
}
