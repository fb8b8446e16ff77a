#!/usr/bin/env node
/** The `settee` command. */
import { enableCompileCache } from 'node:module'

// Half of the start would be compiling; the second start skips it.
enableCompileCache()

const { runCli } = await import('./cli.ts')
process.exitCode = await runCli(process.argv.slice(2))
