/**
 * The command line: finds the command, and turns every expected failure into one sentence on
 * stderr and an exit code, never a stack trace.
 */
import { isSetteeError, messageOf } from '@settee/kit'
import { initProject } from './commands/init.ts'
import { runControlPlane } from './commands/control-plane.ts'
import { helpText } from './help.ts'
import { version } from '@settee/server'

interface Command {
  run(argv: readonly string[]): Promise<void>
}

const commands: Readonly<Record<string, Command>> = {
  dev: { run: (argv) => runControlPlane('dev', argv) },
  server: { run: (argv) => runControlPlane('server', argv) },
  init: { run: initProject },
  help: { run: async () => print(helpText()) },
  version: { run: async () => print(version) },
}

const aliases: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-v': 'version',
}

/** @returns the exit code: 0 when all went well, 2 for wrong usage, 1 for other failures. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const [given = 'help', ...rest] = argv
  const name = aliases[given] ?? given
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    fail(`there is no command ${JSON.stringify(given)}; settee help lists the commands`)
    return 2
  }
  if (rest.includes('--help')) {
    print(helpText())
    return 0
  }
  try {
    await command.run(rest)
    return 0
  } catch (error) {
    // Typed errors say what to do; anything else is a defect, whose stack helps whoever gets it.
    if (!isSetteeError(error)) throw error
    fail(messageOf(error))
    return error.code.startsWith('SETTEE_CONFIG_') || error.code === 'SETTEE_CLI_USAGE' ? 2 : 1
  }
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function fail(sentence: string): void {
  process.stderr.write(`settee: ${sentence}\n`)
}
