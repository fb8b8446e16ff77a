/**
 * The site of the console, built when it is missing or older than its sources.
 *
 * The repository has no build step, so the first start builds the site, which takes some seconds,
 * and stores beside it the hash of what it was built from. A published package ships the site
 * without its sources; then there is nothing to build and Vite is not needed.
 *
 * The build runs in a process of its own, because the bundler would stay in the memory of the
 * control plane, and it replaces the site by a rename, so that a build that is killed, or two at
 * once, never leave half a site.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, glob, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { consoleError } from './errors.ts'

const packageDir = join(import.meta.dirname, '..')
const distDir = join(packageDir, 'dist')

/** Absolute path of the built site: static files, `index.html` at its top. */
export const consoleDir: string = join(distDir, 'site')

/** Name of the file in the site that says what it was built from. Served like any other file. */
const stampName = 'sources.sha256'

/** What the build writes at most to stderr and we keep for the error, in UTF-16 units. */
const outputLimitLength = 16_384

/**
 * Makes sure that {@link consoleDir} holds the site of these sources; at once when it does.
 *
 * @param onProgress takes sentences for the terminal; not called when there is nothing to do.
 * @param signal stops the build.
 * @throws SETTEE_CONSOLE_BUILD_FAILED with what the bundler said.
 */
export async function buildConsole(
  onProgress: (sentence: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (!existsSync(join(packageDir, 'web'))) return
  const hash = await hashSources()
  if ((await readStamp()) === hash) return
  onProgress('Building the web console; this takes a few seconds and is done once.')
  const startedMs = performance.now()
  const stagingDir = await makeStagingDir()
  try {
    await runBuild(stagingDir, signal)
    await writeFile(join(stagingDir, stampName), hash)
    // A temporary directory is its owner's alone; the site is for whoever runs the server.
    await chmod(stagingDir, 0o755)
    await replaceSite(stagingDir, hash)
  } finally {
    await rm(stagingDir, { recursive: true, force: true })
  }
  onProgress(`Built the web console in ${((performance.now() - startedMs) / 1000).toFixed(1)} s.`)
}

/** Hash over names and contents of everything the site is made from. */
async function hashSources(): Promise<string> {
  const names: string[] = ['package.json', 'src/build-site.ts']
  for await (const name of glob('web/**/*.*', { cwd: packageDir })) {
    if (!name.endsWith('.test.ts')) names.push(name)
  }
  const hash = createHash('sha256')
  for (const name of names.toSorted()) {
    hash.update(`${name}\0`)
    hash.update(await readFile(join(packageDir, name)))
    hash.update('\0')
  }
  return hash.digest('hex')
}

async function readStamp(): Promise<string | null> {
  try {
    return await readFile(join(consoleDir, stampName), 'utf8')
  } catch {
    return null
  }
}

async function makeStagingDir(): Promise<string> {
  await mkdir(distDir, { recursive: true })
  return mkdtemp(join(distDir, 'building-'))
}

async function replaceSite(stagingDir: string, hash: string): Promise<void> {
  await rm(consoleDir, { recursive: true, force: true })
  try {
    await rename(stagingDir, consoleDir)
  } catch (error) {
    // Another process may have put the same site there in between.
    if ((await readStamp()) !== hash) throw error
  }
}

function runBuild(outDir: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = join(import.meta.dirname, 'build-site.ts')
    const child = spawn(process.execPath, [script, outDir], {
      cwd: packageDir,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    })
    let output = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputLimitLength)
    })
    const fail = (said: string, cause?: unknown): void => {
      const reason = said.trim()
      const message = `The web console could not be built: ${reason}. Run npm ci and start again.`
      reject(consoleError('SETTEE_CONSOLE_BUILD_FAILED', message, { cause }))
    }
    child.once('error', (error) => fail(error.message, error))
    child.once('close', (code) => {
      if (code === 0) resolve()
      else fail(output || `the bundler ended with exit code ${code}`)
    })
  })
}
