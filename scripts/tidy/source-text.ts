/**
 * A rough reader of TypeScript for the tidy rules: it finds imports and blanks what is no code.
 * It knows tokens, not grammar, which is enough for our own formatted files and takes no parser.
 */

export interface Import {
  readonly specifier: string
  /** True for `import type` and `export type`, which vanish before the code runs. */
  readonly isTypeOnly: boolean
}

const tokens = new RegExp(
  [
    String.raw`(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)`,
    String.raw`(?<template>${'`'}(?:\\[\s\S]|[^${'`'}\\])*${'`'})`,
    String.raw`(?<text>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")`,
    // A slash starts a regular expression where no operand can end before it.
    String.raw`(?<=[=(,:[!&|?{};\n]\s*)` +
      String.raw`(?<pattern>\/(?![*\/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^\/\\\n[])+\/)`,
  ].join('|'),
  'g',
)

/** The source with comments and templates as spaces; strings stay when `keepStrings`. */
export function blankNonCode(source: string, keepStrings: boolean): string {
  return source.replaceAll(tokens, (token, ...rest) => {
    const groups = rest.at(-1) as { text?: string }
    if (keepStrings && groups.text !== undefined) return token
    return token.replaceAll(/[^\n]/g, ' ')
  })
}

/** Every static and dynamic import, and every re-export, of a source. */
export function importsOf(source: string): Import[] {
  const code = blankNonCode(source, true)
  const statements = code.matchAll(
    /^\s*(?:import|export)(\s+type)?\b[^'"();=]*?\bfrom\s*['"]([^'"]+)['"]/gm,
  )
  const bare = code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)
  const dynamic = code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)
  return [
    ...[...statements].map(([, type, specifier]) => ({
      specifier: specifier!,
      isTypeOnly: type !== undefined,
    })),
    ...[...bare, ...dynamic].map(([, specifier]) => ({
      specifier: specifier!,
      isTypeOnly: false,
    })),
  ]
}

/** `@settee/tx/server` to `@settee/tx`; undefined for relative paths and Node's own modules. */
export function packageOf(specifier: string): string | undefined {
  if (/^(\.|\/|node:|virtual:)/.test(specifier)) return undefined
  const [scope, name] = specifier.split('/')
  return scope!.startsWith('@') ? `${scope}/${name}` : scope
}
