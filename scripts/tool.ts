/**
 * Runs the command-line tools of node_modules with the Node that runs this script, so that nothing
 * depends on PATH, on a shell or on the Node of the system.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const rootDirectory: string = dirname(import.meta.dirname)

/** The command and first arguments that start `tool`, the bin of the package of the same name. */
export function toolCommand(tool: string, packageName: string = tool): [string, ...string[]] {
  const directory = join(rootDirectory, 'node_modules', packageName)
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>
  }
  const bin = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[tool]
  if (bin === undefined) throw new Error(`${packageName} has no command ${tool}`)
  return [process.execPath, join(directory, bin)]
}

/** The environment of children: our packages resolve to their TypeScript sources. */
export function sourceEnvironment(): NodeJS.ProcessEnv {
  const flag = '--conditions=@settee/source'
  const options = process.env['NODE_OPTIONS'] ?? ''
  return {
    ...process.env,
    NODE_OPTIONS: options.includes(flag) ? options : `${options} ${flag}`.trim(),
  }
}
