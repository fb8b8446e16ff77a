/**
 * The command line: finds the command, and turns every expected failure into one sentence on
 * stderr and an exit code, never a stack trace.
 */
import { isSetteeError, nearestOf } from '@settee/kit'
import { version } from '@settee/server'
import { runControlPlane } from './commands/control-plane.ts'
import { initProject } from './commands/init.ts'
import { cliError } from './errors.ts'
import { helpText } from './help.ts'
import { fail, print } from './terminal.ts'

type Command = (argv: readonly string[]) => Promise<void>

const commands: Readonly<Record<string, Command>> = {
  dev: (argv) => runControlPlane('dev', argv),
  server: (argv) => runControlPlane('server', argv),
  init: initProject,
  help: async () => print(helpText()),
  version: async () => print(version),
}

const aliases: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-v': 'version',
}

const longestEchoChars = 40

/** @returns the exit code: 0 when all went well, 2 for wrong usage, 1 for other failures. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const [given = 'help', ...rest] = argv
  try {
    const command = findCommand(given)
    if (rest.includes('--help') || rest.includes('-h')) print(helpText())
    else await command(rest)
    return 0
  } catch (error) {
    // Typed errors say what to do; anything else is a defect, whose stack helps whoever gets it.
    if (!isSetteeError(error)) throw error
    fail(error.message)
    return error.code.startsWith('SETTEE_CONFIG_') || error.code === 'SETTEE_CLI_USAGE' ? 2 : 1
  }
}

function findCommand(given: string): Command {
  const name = Object.hasOwn(aliases, given) ? aliases[given]! : given
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command
  const nearest = nearestOf(given.slice(0, longestEchoChars), Object.keys(commands))
  const advice =
    nearest === undefined ? 'settee help lists the commands' : `did you mean settee ${nearest}?`
  throw cliError(
    'SETTEE_CLI_USAGE',
    `there is no command ${JSON.stringify(given.slice(0, longestEchoChars))}; ${advice}`,
  )
}
