/**
 * `npm run interop -- SUITE [PART] [--only TEXT] [--capture]`: runs Settee against the originals,
 * prints every check with its result and time, and ends with `N passed, N failed`.
 *
 * `--only TEXT` runs the checks whose `group: name` contains TEXT. `--capture` writes what the
 * originals put on the wire and into the databases as fixtures, which `npm test` replays.
 */
import { parseArgs } from 'node:util'
import { messageOf } from '@settee/kit'
import { Report } from './harness-report.ts'

export interface PartOptions {
  readonly capture: boolean
}

/** One module of a suite. */
interface Part {
  /** Cleans up what it started, also when it throws. A throw fails the run. */
  runPart(report: Report, options: PartOptions): Promise<void>
}

/** Every suite with its parts, which share nothing and run at the same time: they mostly wait. */
const suites: Readonly<Record<string, Readonly<Record<string, () => Promise<Part>>>>> = {
  seata: {
    'java-clients': () => import('./java-clients/part.ts'),
    'seata-server': () => import('./seata-server/part.ts'),
    mixed: () => import('./mixed/part.ts'),
    propagation: () => import('./propagation/part.ts'),
  },
}

/** A run that takes longer has hung, in ms. */
const runTimeoutMs = 15 * 60_000

try {
  process.exitCode = await main()
} catch (error) {
  console.error(messageOf(error))
  process.exitCode = 1
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      capture: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const [suiteName = '', partName] = positionals
  const suite = choose('suite', suites, suiteName)
  const parts = partName === undefined ? Object.values(suite) : [choose('part', suite, partName)]
  const deadline = setTimeout(() => {
    console.error(`the run did not end within ${runTimeoutMs / 60_000} minutes`)
    process.exit(1)
  }, runTimeoutMs)
  const report = new Report(values.only)
  await Promise.all(parts.map(async (load) => runPart(await load(), report, values)))
  clearTimeout(deadline)
  return report.summarize()
}

function choose<Value>(what: string, all: Readonly<Record<string, Value>>, name: string): Value {
  const found = Object.hasOwn(all, name) ? all[name] : undefined
  if (found !== undefined) return found
  throw new Error(`There is no ${what} "${name}"; choose one of: ${Object.keys(all).join(', ')}.`)
}

/** A part that fails as a whole takes no other part with it. */
async function runPart(part: Part, report: Report, options: PartOptions): Promise<void> {
  try {
    await part.runPart(report, options)
  } catch (error) {
    report.fail('the part ends', error)
  }
}
