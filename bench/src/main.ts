/**
 * `npm run bench -- NAME [--quick] [--json FILE]`: runs one benchmark, prints its table, and writes
 * its rows as JSON lines.
 */
import { readdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { messageOf } from '@settee/kit'
import { formatTable, type BenchOptions, type Row } from './harness.ts'

interface Bench {
  run(options: BenchOptions): Promise<Row[]>
}

try {
  await main()
} catch (error) {
  console.error(messageOf(error))
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
    allowPositionals: true,
  })
  const bench = await loadBench(positionals[0])
  const rows = await bench.run({ quick: values.quick })
  const machine = `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}`
  console.log(`\n${machine}. In brackets: how many times better Settee is.`)
  if (values.quick) console.log('QUICK RUN: short warm-up, the numbers are not for quoting.')
  console.log(`\n${formatTable(rows)}`)
  if (values.json !== undefined) {
    await writeFile(values.json, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  }
}

/** Every file in this folder but the two of the frame is a bench. */
async function loadBench(name = ''): Promise<Bench> {
  const files = await readdir(import.meta.dirname)
  const names = files
    .map((file) => /^([a-z-]+)\.[jt]s$/.exec(file)?.[1])
    .filter((found) => found !== undefined && found !== 'main' && found !== 'harness')
  if (!names.includes(name)) {
    throw new Error(`There is no bench "${name}"; choose one of: ${names.join(', ')}.`)
  }
  return (await import(`./${name}.ts`)) as Bench
}
