/**
 * `npm run check`: everything that can be said about the repository without running it. Prints one
 * line for each step, and below a failed one what is wrong and what to do.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { checkLinks, checkMachinePaths, checkTranslations } from './tidy/document-rules.ts'
import {
  checkDependencies,
  checkExports,
  checkLayers,
  checkLintLayers,
  checkReadmes,
  checkRelativeImports,
} from './tidy/package-rules.ts'
import { openRepository, type Rule } from './tidy/repository.ts'
import {
  checkColumns,
  checkErrorCodes,
  checkFileNames,
  checkIdentifiers,
  checkPureCores,
} from './tidy/source-rules.ts'
import { checkLicenses, checkRegistry } from './tidy/supply-rules.ts'
import { rootDirectory, sourceEnvironment, toolCommand } from './tool.ts'

interface Step {
  readonly name: string
  /** What to do when it fails. */
  readonly remedy: string
  /** Returns what is wrong, empty when nothing is. */
  readonly run: () => string
}

const webProject = 'packages/console/tsconfig.web.json'
const repository = openRepository(rootDirectory)

const steps: readonly Step[] = [
  {
    name: 'format',
    remedy: 'run `npm run format`',
    run: () => runTool(toolCommand('oxfmt'), ['--check', '.']),
  },
  {
    name: 'lint',
    remedy: 'change the code; rules and limits are in .oxlintrc.json',
    run: () => runTool(toolCommand('oxlint'), ['--type-aware', '--deny-warnings', '.']),
  },
  {
    name: 'types',
    remedy: 'change the code; options are in tsconfig.base.json',
    run: () => checkTypes('tsconfig.check.json'),
  },
  ...(existsSync(join(rootDirectory, webProject))
    ? [
        {
          name: 'types of the console',
          remedy: `change the code; options are in ${webProject}`,
          run: () => checkTypes(webProject),
        },
      ]
    : []),
  tidy('layers', 'import downwards only, or change scripts/layers.ts', checkLayers),
  tidy('layers in lint', 'the table is scripts/layers.ts', checkLintLayers),
  tidy('dependencies', 'package.json lists exactly what the code imports', checkDependencies),
  tidy('relative imports', 'relative imports stay within a package', checkRelativeImports),
  tidy('exports', 'every entry needs its source file and its built names', checkExports),
  tidy('readmes', 'every package has a README.md', checkReadmes),
  tidy('file names', 'kebab-case, and a word that says what is inside', checkFileNames),
  tidy('identifiers', 'use a word that says what the thing does', checkIdentifiers),
  tidy('columns', 'break the line', checkColumns),
  tidy('pure cores', 'src/core/ is (state, input, now) -> state and effects', checkPureCores),
  tidy('error codes', 'give each error a code of its own', checkErrorCodes),
  tidy('links', 'change the link or the heading', checkLinks),
  tidy('translations', 'a translation has the headings of its original', checkTranslations),
  tidy('machine paths', 'use a relative path or a temporary folder', checkMachinePaths),
  tidy('registry', 'the lock must install from any registry', checkRegistry),
  {
    name: 'dead code',
    remedy: 'remove it, or name its entry in knip.json',
    run: () => runTool(toolCommand('knip'), ['--no-progress', '--no-config-hints']),
  },
  tidy('licences', 'the list is in scripts/tidy/supply-rules.ts', checkLicenses),
]

const failures = steps.filter((step) => !runStep(step))
console.log(
  failures.length === 0
    ? `\nall ${steps.length} checks hold`
    : `\n${failures.length} of ${steps.length} checks failed: ` +
        failures.map(({ name }) => name).join(', '),
)
process.exitCode = failures.length === 0 ? 0 : 1

function runStep({ name, remedy, run }: Step): boolean {
  const startMs = performance.now()
  const wrong = run()
  const seconds = ((performance.now() - startMs) / 1000).toFixed(2).padStart(6)
  console.log(`${wrong === '' ? 'ok  ' : 'FAIL'} ${seconds} s  ${name}`)
  if (wrong !== '') console.log(`${wrong.replaceAll(/^/gm, '       ')}\n       -> ${remedy}`)
  return wrong === ''
}

function tidy(name: string, remedy: string, rule: Rule): Step {
  return { name, remedy, run: () => rule(repository).join('\n') }
}

function checkTypes(project: string): string {
  return runTool(toolCommand('tsc', 'typescript'), ['-p', project])
}

function runTool([command, ...first]: readonly [string, ...string[]], rest: string[]): string {
  const result = spawnSync(command, [...first, ...rest], {
    cwd: rootDirectory,
    env: sourceEnvironment(),
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  })
  if (result.error !== undefined) return result.error.message
  if (result.status === 0) return ''
  return `${result.stdout}${result.stderr}`.trim() || `ended with ${result.status}`
}
