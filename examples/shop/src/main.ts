/**
 * The main job: a shop of three services, each with its own database, that buys things under one
 * global transaction while processes are killed.
 *
 *     npm start                              purchases until Ctrl-C, and a console to watch
 *     npm start -- --once                    a bounded run, an audit, a JSON line
 *     npm start -- --db postgres             a real PostgreSQL instead of SQLite; or a URL
 *     npm start -- --db mixed                one transaction over PostgreSQL and MariaDB
 */
import { describeConfig, isSetteeError, parseConfig } from '@settee/kit'
import { formatTable } from 'settee/table'
import { runDemo } from './demo.ts'
import { runOnce } from './once.ts'
import { ProcessFailure } from './processes.ts'
import { startShop, type Shop, type ShopOptions } from './shop.ts'
import { createProgressLine } from './terminal.ts'

const schema = {
  once: { type: 'boolean', default: false, summary: 'Run a bounded workload and audit it.' },
  db: {
    type: 'string',
    default: 'sqlite',
    summary: 'sqlite, postgres, mariadb, mixed (both), or a postgres:// or mysql:// URL.',
  },
  purchases: { type: 'integer', default: 400, summary: 'Purchases of --once.' },
  concurrency: { type: 'integer', default: 16, summary: 'Purchases at a time of --once.' },
  seed: { type: 'integer', default: 1, summary: 'Chooses what is bought by --once.' },
  'http.port': { type: 'port', default: 7091, summary: 'Port of the console.' },
  'tx.port': { type: 'port', default: 8091, summary: 'Port of the transaction coordinator.' },
  'registry.port': { type: 'port', default: 9600, summary: 'Port of the registry.' },
} as const

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    process.stdout.write(`Usage: npm start -- [OPTIONS]\n\n${describeConfig(schema)}\n`)
    return 0
  }
  const { config, positional } = parseConfig(schema, { argv, env: process.env })
  if (positional.length > 0) return fail(`unknown argument ${positional[0]}; --help lists options`)
  const isOnce = config['once']
  const progress = createProgressLine()
  const options: ShopOptions = {
    db: config['db'],
    // A bounded run must not be in the way of anything that runs already.
    ports: isOnce
      ? { http: 0, tx: 0, registry: 0 }
      : { http: config['http.port'], tx: config['tx.port'], registry: config['registry.port'] },
    hasConsole: !isOnce,
    onProgress: (sentence) => progress.log(`  ${sentence}`),
  }
  const stopping = whenStopRequested()
  const shop = await startShop(options)
  try {
    printStartTable(shop)
    if (isOnce) {
      const holds = await Promise.race([
        runOnce(shop, config, progress),
        stopping.requested.then(() => false),
      ])
      return holds ? 0 : 1
    }
    await runDemo(shop, progress, stopping.signal)
    progress.end()
    return 0
  } finally {
    if (!isOnce) process.stdout.write('  Stopping everything\n')
    await shop.stop()
  }
}

function printStartTable(shop: Shop): void {
  const table = formatTable(['component', 'address', 'protocol', 'runs in'], shop.components())
  process.stdout.write(
    `\n${table}\n\n  databases: ${shop.databases.description}\n` +
      `  console:   ${shop.httpUrl}\n  stop:      Ctrl-C\n\n`,
  )
}

function whenStopRequested(): { signal: AbortSignal; requested: Promise<void> } {
  const controller = new AbortController()
  const requested = new Promise<void>((resolve) => {
    const onSignal = (): void => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort()
      resolve()
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
  return { signal: controller.signal, requested }
}

function fail(sentence: string): number {
  process.stderr.write(`settee shop: ${sentence.replace(/^settee: /, '')}\n`)
  return 1
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!isSetteeError(error) && !(error instanceof ProcessFailure)) throw error
  process.exitCode = fail(error.message)
}
