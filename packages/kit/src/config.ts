/**
 * Configuration: one schema, one parser. A key is at the same time the command-line flag and the
 * environment variable: `tx.store.dir` = `--tx.store.dir` = `SETTEE_TX_STORE_DIR`. A flag wins over
 * the environment, the environment over the default. Nothing else in Settee reads the environment.
 */
import { defineErrors, type ErrorFactory } from './errors.ts'
import { nearestOf } from './nearest.ts'

export const configErrors = {
  SETTEE_CONFIG_UNKNOWN_KEY: { retryable: false, summary: 'An option that does not exist.' },
  SETTEE_CONFIG_BAD_VALUE: { retryable: false, summary: 'A value that the option cannot take.' },
} as const

const configError: ErrorFactory<keyof typeof configErrors> = defineErrors(configErrors)

interface Described {
  /** One sentence for `--help` and the reference. */
  readonly summary: string
}
type Setting =
  | (Described & { readonly type: 'string'; readonly default: string })
  | (Described & { readonly type: 'boolean'; readonly default: boolean })
  | (Described & {
      /** `port` is 0 to 65535; `durationMs` takes 500ms, 10s, 5m; `sizeBytes` takes 4KiB, 64MiB. */
      readonly type: 'integer' | 'port' | 'durationMs' | 'sizeBytes'
      readonly default: number
    })

export type ConfigSchema = Readonly<Record<string, Setting>>

type ValueOf<One extends Setting> = One['type'] extends 'string'
  ? string
  : One['type'] extends 'boolean'
    ? boolean
    : number

export type Config<Schema extends ConfigSchema> = {
  readonly [Key in keyof Schema]: ValueOf<Schema[Key]>
}

export interface ConfigSources {
  /** Arguments after the command, such as `--tx.port 8091` or `--tx.port=8091`. */
  readonly argv?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface ParsedConfig<Schema extends ConfigSchema> {
  readonly config: Config<Schema>
  /** Arguments that are no flags, in order. */
  readonly positional: readonly string[]
}

/** Reads configuration from flags and environment; throws a typed error that names the fix. */
export function parseConfig<Schema extends ConfigSchema>(
  schema: Schema,
  sources: ConfigSources,
): ParsedConfig<Schema> {
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(schema)) {
    const name = environmentName(key)
    const text = sources.env?.[name]
    values[key] = text === undefined ? setting.default : parseValue(name, setting, text)
  }
  const positional: string[] = []
  const argv = sources.argv ?? []
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!
    if (!argument.startsWith('--')) {
      positional.push(argument)
      continue
    }
    const [key, inline] = splitFlag(argument)
    const setting = Object.hasOwn(schema, key) ? schema[key] : undefined
    if (setting === undefined) throw unknownKey(key, Object.keys(schema))
    const isSwitch = setting.type === 'boolean' && inline === undefined
    const text = isSwitch ? 'true' : (inline ?? argv[++i])
    // A value that looks like a flag is a forgotten value; `--key=--value` says it on purpose.
    if (text === undefined || (inline === undefined && text.startsWith('--'))) {
      throw configError('SETTEE_CONFIG_BAD_VALUE', `--${key} needs a value: ${setting.summary}`)
    }
    values[key] = parseValue(`--${key}`, setting, text)
  }
  return { config: values as Config<Schema>, positional }
}

/** `tx.store.dir` to `SETTEE_TX_STORE_DIR`. */
export function environmentName(key: string): string {
  return `SETTEE_${key.replaceAll(/[.-]/g, '_').toUpperCase()}`
}

/** The flags of a schema as aligned lines for `--help`. */
export function describeConfig(schema: ConfigSchema): string {
  const rows = Object.entries(schema).map(([key, setting]) => {
    const value = setting.type === 'boolean' ? '' : ` ${setting.type.toUpperCase()}`
    return [
      `  --${key}${value}`,
      `${setting.summary} Default: ${String(setting.default) || 'none'}.`,
    ]
  })
  const width = Math.max(...rows.map(([flag]) => flag!.length)) + 2
  return rows.map(([flag, summary]) => flag!.padEnd(width) + summary).join('\n')
}

function splitFlag(argument: string): [key: string, inline: string | undefined] {
  const equals = argument.indexOf('=')
  return equals === -1
    ? [argument.slice(2), undefined]
    : [argument.slice(2, equals), argument.slice(equals + 1)]
}

function parseValue(origin: string, setting: Setting, text: string): unknown {
  switch (setting.type) {
    case 'string':
      return text
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true'
      throw badValue(origin, text, 'true or false')
    case 'integer':
      return parseScaled(origin, text, { '': 1 }, 'a whole number')
    case 'durationMs':
      return parseScaled(origin, text, durations, 'a duration such as 500ms, 10s or 5m')
    case 'sizeBytes':
      return parseScaled(origin, text, sizes, 'a size such as 4096, 64KiB or 8MiB')
    case 'port': {
      const port = parseScaled(origin, text, { '': 1 }, 'a port from 0 to 65535')
      if (port > 65_535) throw badValue(origin, text, 'a port from 0 to 65535')
      return port
    }
  }
}

const durations: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const sizes: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

function parseScaled(
  origin: string,
  text: string,
  scales: Readonly<Record<string, number>>,
  expected: string,
): number {
  const match = /^(\d{1,15})([a-zA-Z]*)$/.exec(text)
  const unit = match?.[2] ?? ''
  if (match === null || !Object.hasOwn(scales, unit)) throw badValue(origin, text, expected)
  const value = Number(match[1]) * scales[unit]!
  if (!Number.isSafeInteger(value)) throw badValue(origin, text, expected)
  return value
}

function badValue(origin: string, text: string, expected: string): Error {
  return configError(
    'SETTEE_CONFIG_BAD_VALUE',
    `${origin} is ${JSON.stringify(text)}, but must be ${expected}`,
  )
}

function unknownKey(key: string, known: readonly string[]): Error {
  const nearest = nearestOf(key, known)
  const hint = nearest === undefined ? '; --help lists the options' : `; did you mean --${nearest}?`
  return configError('SETTEE_CONFIG_UNKNOWN_KEY', `unknown option --${key}${hint}`)
}
