/**
 * `settee dev` and `settee server`: the control plane in the foreground until Ctrl-C or SIGTERM.
 *
 * Both run the same code. `dev` keeps its state in memory unless told otherwise; `server` insists
 * on a folder for the journal, so that nobody runs money in memory by accident.
 *
 * Whoever starts it as a child with an IPC channel hears `{kind: 'progress', sentence}` and, once
 * all listeners are open, `{kind: 'ready', components}`; it stops on SIGTERM or when that channel
 * closes. Ctrl-C reaches parent and children alike, and is then for the parent to handle: it may
 * have others to stop before.
 */
import { buildConsole, consoleDir } from '@settee/console'
import { messageOf, parseConfig, type SetteeError } from '@settee/kit'
import { createControlPlane, serverSchema, version, type ControlPlane } from '@settee/server'
import { cliError } from '../errors.ts'
import { formatTable } from '../table.ts'
import { fail, print } from '../terminal.ts'

/** Time for the last refusals to reach their clients before the process ends, in ms. */
const farewellMs = 200

/** What a shell reports for a process that was interrupted. */
const interruptedExitCode = 130

export async function runControlPlane(
  mode: 'dev' | 'server',
  argv: readonly string[],
): Promise<void> {
  const { config, positional } = parseConfig(serverSchema, { argv, env: process.env })
  if (positional.length > 0) {
    throw cliError('SETTEE_CLI_USAGE', `settee ${mode} takes options only, not "${positional[0]}"`)
  }
  if (mode === 'server' && config['data'] === '') {
    throw cliError('SETTEE_CLI_USAGE', 'settee server needs a folder for its journal: --data DIR')
  }
  const building = new AbortController()
  const site = config['http.console'] ? prepareConsole(building.signal) : undefined
  const controlPlane = createControlPlane({
    config,
    ...(site !== undefined && { consoleDir: site }),
    onFailed: endProcess,
  })
  const stopRequest = listenForStop()
  try {
    await controlPlane.start()
    announce(controlPlane, config['data'])
    await stopRequest.received
  } finally {
    building.abort()
    await controlPlane.stop()
    // A build that was stopped removes what it had written so far.
    await site
    stopRequest.close()
  }
}

/** The console is built at the first start of a checkout, while everything else already runs. */
async function prepareConsole(signal: AbortSignal): Promise<string | undefined> {
  try {
    await buildConsole(tellProgress, signal)
    return consoleDir
  } catch (error) {
    if (!signal.aborted) fail(messageOf(error))
    return undefined
  }
}

/** On the terminal, and to whoever started this process as a child. */
function tellProgress(sentence: string): void {
  print(sentence)
  process.send?.({ kind: 'progress', sentence })
}

function announce(controlPlane: ControlPlane, dataDir: string): void {
  const rows = controlPlane.components.map(({ name, address, protocol }) => [
    name,
    address,
    protocol,
  ])
  print(`
Settee ${version} is ready ${Math.round(performance.now())} ms after its start

${formatTable(['component', 'address', 'protocol'], rows)}

  state: ${dataDir === '' ? 'in memory only; --data DIR keeps it' : dataDir}
  stop:  Ctrl-C
`)
  process.send?.({ kind: 'ready', components: controlPlane.components })
}

/** Never goes on after a failed flush: what is on disk is unknown until the restart reads it. */
function endProcess(error: SetteeError): void {
  fail(`${error.message}; this process ends now, restart it to recover`)
  process.exitCode = 1
  setTimeout(() => process.exit(1), farewellMs)
}

interface StopRequest {
  /** Resolves at the first request to stop. A second signal ends the process at once. */
  readonly received: Promise<void>
  /** Lets go of what keeps the process alive. */
  close(): void
}

function listenForStop(): StopRequest {
  const { promise, resolve } = Promise.withResolvers<void>()
  let count = 0
  const onSignal = (): void => {
    if (++count > 1) process.exit(interruptedExitCode)
    resolve()
  }
  const isChild = process.connected
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', isChild ? () => {} : onSignal)
  // This listener keeps the channel open, and with it the process.
  if (isChild) process.on('disconnect', resolve)
  return {
    received: promise,
    close: () => process.off('disconnect', resolve),
  }
}
