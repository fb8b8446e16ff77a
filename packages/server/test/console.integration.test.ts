/// <reference lib="dom" />
/**
 * The console in a real Chromium, before a real control plane with a small real load.
 *
 * It stands here and not in the console's package, because it needs the whole control plane. Run by
 * hand, `node console.integration.test.ts --keep-screenshots` leaves pictures of every page in both
 * languages and widths in the folder `settee-console-shots` of the temporary directory.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { buildConsole, consoleDir } from '@settee/console'
import { createRegistryClient, type RegistryClient } from '@settee/registry'
import { chromium, type Browser, type Page } from 'playwright-core'
import { createControlPlane, type ControlPlane, type ServerConfig } from '../src/index.ts'
import { openTestShop, type OpenPurchase, type TestShop } from '../src/test-shop.ts'

const shotsFolder = process.argv.includes('--keep-screenshots')
  ? join(tmpdir(), 'settee-console-shots')
  : undefined

const chromiumPath = '/usr/bin/chromium'
const chromiumArguments = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const wide = { width: 1440, height: 900 }
const narrow = { width: 390, height: 844 }

const serviceName = 'shop.AccountService:1.0@bolt'

async function launch(): Promise<Browser> {
  try {
    return await chromium.launch({ executablePath: chromiumPath, args: chromiumArguments })
  } catch (error) {
    throw new Error(`${chromiumPath} does not start: run npm run setup:integration`, {
      cause: error,
    })
  }
}

/** The ports of a control plane, so that another can take its place. */
function portsOf(controlPlane: ControlPlane): Partial<ServerConfig> {
  const port = (label: string): number =>
    Number(
      controlPlane.components
        .find(({ name }) => name === label)!
        .address.split(':')
        .at(-1),
    )
  return {
    'tx.port': port('transactions'),
    'registry.port': port('registry'),
    'http.port': port('console'),
  }
}

async function startControlPlane(
  data: string,
  ports: Partial<ServerConfig>,
): Promise<ControlPlane> {
  const controlPlane = createControlPlane({
    config: {
      data,
      'allow-remote': false,
      'http.host': '127.0.0.1',
      'http.port': 0,
      'http.console': true,
      'http.token': '',
      'registry.host': '127.0.0.1',
      'registry.port': 0,
      'tx.host': '127.0.0.1',
      'tx.port': 0,
      ...ports,
    },
    consoleDir: Promise.resolve(consoleDir),
    onFailed: (error) => {
      throw error
    },
  })
  await controlPlane.start()
  return controlPlane
}

/** A page whose console says what the content security policy forbids. */
async function openPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ viewport: wide, locale: 'en-US' })
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (violation) =>
      console.error(`the policy forbids ${violation.violatedDirective} ${violation.blockedURI}`),
    )
  })
  return await context.newPage()
}

async function assertNoHorizontalScrolling(page: Page, where: string): Promise<void> {
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  assert.equal(overflow, 0, `${where} scrolls horizontally by ${overflow} px`)
}

/** A picture of the whole page as it looks when its animations have ended. */
async function keepScreenshot(page: Page, name: string): Promise<void> {
  if (shotsFolder === undefined) return
  await page.evaluate(async () => {
    const ending = document
      .getAnimations()
      .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
    await Promise.all(ending.map(({ finished }) => finished))
  })
  await page.screenshot({ path: join(shotsFolder, `${name}.png`), fullPage: true })
}

describe('the console in Chromium', () => {
  let folder: string
  let browser: Browser
  let page: Page
  let controlPlane: ControlPlane
  let shop: TestShop
  let registry: RegistryClient
  let holder: OpenPurchase
  let waiter: OpenPurchase
  let granted: Promise<boolean>
  let rolledBackXid: string
  let retryingXid: string
  let isAway = false
  const complaints: string[] = []

  const addressOf = (label: string): string =>
    controlPlane.components.find(({ name }) => name === label)!.address

  /** The number that the overview shows under `name`. */
  const expectCount = (name: string, value: string): Promise<void> =>
    page
      .locator('.count', { hasText: name })
      .locator('.count-value', { hasText: new RegExp(`^${value}$`) })
      .waitFor()
  const expectText = (text: string | RegExp): Promise<void> =>
    page.getByText(text).first().waitFor()

  /** @param hash address of the page behind the `#`, such as `/services`. */
  async function open(hash: string): Promise<void> {
    await page.goto(`${controlPlane.consoleUrl}/#${hash}`)
    await page.locator('.live[data-phase=live]').waitFor()
  }

  const shoot = (name: string): Promise<void> => keepScreenshot(page, name)

  function watch(watched: Page): void {
    watched.on('pageerror', (error) => complaints.push(`error in the page: ${error.message}`))
    watched.on('console', (message) => {
      // While the control plane is away the browser reports each attempt to reach it.
      const isRefusal = /net::ERR_/.test(message.text())
      if (['error', 'warning'].includes(message.type()) && !(isAway && isRefusal)) {
        complaints.push(`${message.type()} in the browser's console: ${message.text()}`)
      }
    })
    watched.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (protocol.startsWith('http') && hostname !== '127.0.0.1') {
        complaints.push(`a request left for ${request.url()}`)
      }
    })
  }

  before(async () => {
    await buildConsole(console.log)
    if (shotsFolder !== undefined) await mkdir(shotsFolder, { recursive: true })
    folder = await mkdtemp(join(tmpdir(), 'settee-console-'))
    browser = await launch()
    controlPlane = await startControlPlane(folder, {})
    page = await openPage(browser)
    watch(page)
    await open('/')
  })

  after(async () => {
    await browser?.close()
    // Whatever failed, all of it must end.
    await Promise.allSettled([holder?.finish(), waiter?.finish(), granted])
    registry?.close()
    await shop?.close()
    await controlPlane?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  test('an empty control plane says how to begin', async () => {
    await expectText('All transactions are settled')
    await shoot('1440-en-empty-overview')
    await open('/services')
    await expectText('No service has registered yet')
    await shoot('1440-en-empty-services')
    await open('/transactions')
    await expectText('No transaction yet')
    await shoot('1440-en-empty-transactions')
  })

  test('transactions appear in the list while one looks at it', async () => {
    shop = openTestShop(addressOf('transactions'))
    await shop.purchase({ name: 'a purchase that commits' })
    await expectText('a purchase that commits')
    await page
      .locator('tr', { hasText: 'a purchase that commits' })
      .getByText('Committed')
      .waitFor()
    rolledBackXid = await shop.purchase({
      name: 'a purchase too dear',
      failure: 'not enough money',
    })
    await page.locator('tr', { hasText: 'a purchase too dear' }).getByText('Rolled back').waitFor()
    holder = await shop.openPurchase({ name: 'a purchase that holds its row', row: 3 })
    waiter = await shop.openPurchase({ name: 'a purchase that wants the row', row: 5 })
    // It is refused when the control plane goes away under it.
    granted = shop.waitForRow(waiter.xid, 'account', 3).catch(() => false)
    retryingXid = await shop.purchase({
      name: 'a purchase whose stock is away',
      keeper: 'stock',
      failure: 'changed my mind',
      meanwhile: () => shop.kill('stock'),
    })
    await page.locator('tr', { hasText: 'stock is away' }).getByText('waits for stock').waitFor()
  })

  test('the list is filtered by state and by text', async () => {
    await page.getByRole('radiogroup').getByText('Rolled back').click()
    await page.locator('tbody tr').nth(0).getByText('a purchase too dear').waitFor()
    assert.equal(await page.locator('tbody tr').count(), 1)
    await page.getByRole('radiogroup').getByText('All', { exact: true }).click()
    await page.getByPlaceholder('Search by xid or name').fill('wants the row')
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1)
    await expectText('a purchase that wants the row')
    await page.getByPlaceholder('Search by xid or name').fill('')
  })

  test('the overview counts them and says what is waited for', async () => {
    await open('/')
    await expectCount('Committed', '1')
    await expectCount('Rolled back', '1')
    await expectCount('Waiting', '1')
    await expectCount('Running', '2')
    await expectText(/1 transaction waits for stock/)
    await expectText(/1 branch waits for a global lock/)
    await expectText('Transaction coordinator')
    await expectText(addressOf('transactions'))
    await page.locator('.count', { hasText: 'Global locks' }).getByText('1 waits').waitFor()
    await page.getByText('Now ').waitFor()
    await shoot('1440-en-overview')
  })

  test('a service appears with its endpoint and its subscriber', async () => {
    await open('/services')
    registry = createRegistryClient({ application: 'account', address: addressOf('registry') })
    registry.publish(serviceName, '127.0.0.1:12200?app_name=account&weight=100')
    registry.subscribe(serviceName, () => {})
    await page.getByRole('link', { name: serviceName }).waitFor()
    await shoot('1440-en-services')
    await page.getByRole('link', { name: serviceName }).click()
    await expectText('127.0.0.1:12200')
    await expectText('weight=100')
    await expectText('the current list')
    await shoot('1440-en-service')
  })

  test('a rolled back transaction tells when, by whom and why', async () => {
    await open(`/transactions/${rolledBackXid}`)
    const timeline = page.locator('.timeline')
    await timeline.getByText('Rollback requested').waitFor()
    await timeline.getByText('not enough money').waitFor()
    assert.equal(await timeline.getByText('Branch registered').count(), 2)
    assert.equal(await timeline.getByText('Branch rolled back').count(), 2)
    await expectText('It holds no global lock.')
    await shoot('1440-en-rolled-back')
  })

  test('a waiting transaction says for whom, and shows its locks', async () => {
    await open(`/transactions/${retryingXid}`)
    await page.getByRole('heading', { name: /^Waits for stock since/ }).waitFor()
    await expectText(/rm client is not connected/)
    await expectText(/next attempt in|trying now/)
    await page.getByRole('table', { name: 'Global locks' }).getByText('items').waitFor()
    await shoot('1440-en-waiting')
    await open(`/transactions/${waiter.xid}`)
    await expectText('Still running')
    await shoot('1440-en-running')
  })

  test('the language is switched to Chinese and stays', async () => {
    await page.getByRole('button', { name: 'Switch the language to Chinese' }).click()
    await page.locator('html[lang=zh-CN]').waitFor()
    await page.reload()
    await page.locator('html[lang=zh-CN]').waitFor()
    for (const [name, hash] of pagesOf()) {
      await open(hash)
      await page.locator('main h1').first().waitFor({ state: 'attached' })
      await page.locator('main [aria-busy]').waitFor({ state: 'detached' })
      await shoot(`1440-zh-${name}`)
    }
  })

  test('nothing scrolls sideways on a telephone, in either language', async () => {
    await page.setViewportSize(narrow)
    for (const language of ['zh', 'en']) {
      await page.evaluate((chosen) => localStorage.setItem('settee.language', chosen), language)
      await page.reload()
      for (const [name, hash] of pagesOf()) {
        await open(hash)
        await page.locator('main [aria-busy]').waitFor({ state: 'detached' })
        await assertNoHorizontalScrolling(page, `${name} in ${language}`)
        await shoot(`390-${language}-${name}`)
      }
    }
    await page.setViewportSize(wide)
  })

  test('an absent control plane is told, what was known stays, and it is live again', async () => {
    await open('/')
    await expectCount('Rolled back', '1')
    const ports = portsOf(controlPlane)
    isAway = true
    await controlPlane.stop()
    await expectText(/Reconnecting since/)
    await expectText(/The control plane has not answered since/)
    await expectCount('Rolled back', '1')
    await shoot('1440-en-away')
    controlPlane = await startControlPlane(folder, ports)
    await page.locator('.live[data-phase=live]').waitFor()
    isAway = false
    await page.getByText(/has not answered since/).waitFor({ state: 'detached' })
    await expectCount('Rolled back', '0')
    await expectCount('Waiting', '1')
    shop.restart('stock')
    await expectCount('Waiting', '0')
    await expectCount('Rolled back', '1')
    await holder.finish()
    await expectCount('Committed', '1')
  })

  test('a person sees the rows that cannot be rolled back, chooses, and it goes on', async () => {
    const xid = await shop.purchase({
      row: 9,
      meanwhile: () => shop.spoil('account', 9),
      failure: 'changed their mind',
    })
    await open(`/transactions/${xid}`)
    await page.getByRole('heading', { name: /1 row was changed by somebody else/ }).waitFor()
    const row = page
      .getByRole('table', { name: 'UPDATE items' })
      .getByRole('row', { name: 'amount' })
    assert.deepEqual(await row.getByRole('cell').allTextContents(), ['1000', '990', '1'])
    await expectText('UPDATE "items" SET "amount" = 1000 WHERE "id" = 9;')
    await shoot('1440-en-dirty')

    const apply = page.getByRole('button', { name: 'Apply' })
    assert.equal(await apply.isDisabled(), true)
    await page.getByRole('radio', { name: /^Before/ }).check()
    await page.getByRole('textbox', { name: 'Your name' }).fill('Ann')
    await page.getByRole('textbox', { name: /^Why/ }).fill('the script was wrong')
    await apply.click()
    assert.equal(shop.amountOf('account', 9), 1)
    await shoot('1440-en-dirty-confirm')
    await page.getByRole('tooltip').getByRole('button', { name: 'Apply' }).click()
    await page.locator('.page-head').getByText('Rolled back').waitFor()
    assert.equal(shop.amountOf('account', 9), 1000)
    const timeline = page.locator('.timeline')
    await timeline.getByText(/Ann repairs the rows.*the script was wrong/).waitFor()
    await shoot('1440-en-repaired')
  })

  test('nothing was forbidden, went wrong, or left this machine', () => {
    assert.deepEqual(complaints, [])
  })

  function pagesOf(): readonly (readonly [name: string, hash: string])[] {
    return [
      ['overview', '/'],
      ['services', '/services'],
      ['service', `/services/${encodeURIComponent(serviceName)}`],
      ['transactions', '/transactions'],
      ['rolled-back', `/transactions/${rolledBackXid}`],
      ['waiting', `/transactions/${retryingXid}`],
      ['running', `/transactions/${waiter.xid}`],
    ]
  }
})
