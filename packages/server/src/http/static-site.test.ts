import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { brotliDecompressSync } from 'node:zlib'
import { createHttpServer, type HttpServer } from './http-server.ts'
import { loadStaticSite } from './static-site.ts'
import { ask } from './test-client.ts'
import { createTestView } from './test-view.ts'

const script = 'console.log("settee")\n'.repeat(100)

describe('the files of the console', () => {
  let folder: string
  let server: HttpServer

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'settee-site-'))
    const site = join(folder, 'site')
    await mkdir(join(site, 'assets'), { recursive: true })
    await writeFile(join(folder, 'secret.json'), '"do not serve"')
    await writeFile(join(site, 'index.html'), '<!doctype html>')
    await writeFile(join(site, 'sources.sha256'), 'of no use to a browser')
    await writeFile(join(site, 'assets', 'index-4f2a.js'), script)
    const loaded = loadStaticSite(site)
    server = createHttpServer({
      host: '127.0.0.1',
      port: 0,
      allowRemote: false,
      token: '',
      view: createTestView(),
      site: loaded,
    })
    await server.start()
    await loaded
  })
  after(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  test('the page is asked for again each time, hashed files never', async () => {
    const page = await ask(server.url, '/')
    assert.equal(page.text, '<!doctype html>')
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8')
    assert.equal(page.headers['cache-control'], 'no-cache')
    assert.equal((await ask(server.url, '/index.html?v=1')).text, page.text)
    const asset = await ask(server.url, '/assets/index-4f2a.js')
    assert.equal(asset.text, script)
    assert.equal(asset.headers['content-type'], 'text/javascript; charset=utf-8')
    assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
    assert.equal(asset.headers['x-content-type-options'], 'nosniff')
  })

  test('brotli goes to those who take it', async () => {
    const path = '/assets/index-4f2a.js'
    for (const coding of ['br', 'gzip, deflate, br, zstd', 'br;q=0.5', 'gzip;q=1.0, BR ; q=1']) {
      const answer = await ask(server.url, path, { headers: { 'accept-encoding': coding } })
      assert.equal(answer.headers['content-encoding'], 'br', coding)
      assert.equal(brotliDecompressSync(answer.bytes).toString(), script)
      assert.equal(answer.headers.vary, 'accept-encoding')
    }
    for (const coding of ['', 'gzip', 'br;q=0', 'br;q=0.000, gzip', 'bro', 'x-br']) {
      const answer = await ask(server.url, path, { headers: { 'accept-encoding': coding } })
      assert.equal(answer.headers['content-encoding'], undefined, coding)
      assert.equal(answer.text, script)
    }
  })

  test('HEAD has the length of what GET would send', async () => {
    const answer = await ask(server.url, '/assets/index-4f2a.js', { method: 'HEAD' })
    assert.equal(answer.headers['content-length'], String(script.length))
    assert.equal(answer.text, '')
  })

  test('nothing but its own files, by whatever path', async () => {
    for (const path of [
      '/../secret.json',
      '/assets/../../secret.json',
      '/%2e%2e/secret.json',
      '/..%2fsecret.json',
      '/assets/..%2f..%2fsecret.json',
      '/..\\secret.json',
      '/./../secret.json',
      `/${join(tmpdir(), 'secret.json')}`,
      '/secret.json',
      '/sources.sha256',
      '/assets',
      '/assets/',
      '/__proto__',
      '/constructor',
      '/index.html%00.js',
    ]) {
      const answer = await ask(server.url, path)
      assert.equal(answer.status, 404, path)
      assert.doesNotMatch(answer.text, /do not serve/)
    }
  })
})
