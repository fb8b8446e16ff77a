/**
 * Serves the built console: every file is read once, kept compressed in memory, and addressed by
 * exact path only, so that no request can reach beyond the folder.
 */
import { readdir, readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, relative, sep } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'

interface SiteFile {
  readonly contentType: string
  readonly plain: Buffer
  readonly brotli: Buffer
  /** Files with a content hash in their name never change. */
  readonly isImmutable: boolean
}

export interface StaticSite {
  /** Answers when the path is a file of the site; says whether it did. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
}

const compress = promisify(brotliCompress)

/** Loads the site under `folder`. Quality 5 compresses the console in well under a second. */
export async function loadStaticSite(folder: string): Promise<StaticSite> {
  const files = new Map<string, SiteFile>()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const file = join(entry.parentPath, entry.name)
        const path = `/${relative(folder, file).split(sep).join('/')}`
        const contentType = contentTypes[extname(entry.name)]
        if (contentType === undefined) return
        const plain = await readFile(file)
        const brotli = await compress(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })
        files.set(path, { contentType, plain, brotli, isImmutable: path.startsWith('/assets/') })
      }),
  )
  return {
    serve(path, request, response) {
      const file = files.get(path === '/' ? '/index.html' : path)
      if (file === undefined) return false
      send(file, request, response)
      return true
    },
  }
}

function send(file: SiteFile, request: IncomingMessage, response: ServerResponse): void {
  const takesBrotli = acceptsBrotli(request.headers['accept-encoding'])
  const body = takesBrotli ? file.brotli : file.plain
  response.setHeader('content-type', file.contentType)
  response.setHeader('content-length', body.length)
  response.setHeader('vary', 'accept-encoding')
  response.setHeader(
    'cache-control',
    file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
  )
  if (takesBrotli) response.setHeader('content-encoding', 'br')
  response.end(body)
}

/** Whether `br` is named, and not with a quality of zero. */
function acceptsBrotli(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((coding) => /^\s*br\s*(;\s*q=(?!0(\.0*)?\s*$)[\d.]+\s*)?$/i.test(coding))
}
