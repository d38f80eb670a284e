import assert from 'node:assert/strict'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import axe from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']
/** A browser asks its makers for news otherwise, and a test machine may have no network. */
const QUIET = ['--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync']
/** What axe tests by itself is checked anyway; these two are of WCAG 2.2, which is switched off by default. */
const RULES = { 'target-size': { enabled: true }, 'css-orientation-lock': { enabled: true } }

/** Tests run on machines that do other things too. */
export const TIMEOUT_MS = 180_000
/** Of a page that is higher only the beginning fits in a picture. */
const HIGHEST_PICTURE = 16_000

/** How a page is looked at. */
interface Look {
  readonly scheme: 'light' | 'dark'
  readonly width: number
  readonly media?: 'screen' | 'print'
}

/** A desk, a phone, and paper, whatever the screen is like. */
const LOOKS: readonly Look[] = [
  { scheme: 'light', width: 1000 },
  { scheme: 'dark', width: 360 },
  { scheme: 'dark', width: 800, media: 'print' },
]

export interface LookOptions {
  /** Of its pictures. */
  readonly name: string
  readonly login?: { readonly username: string; readonly password: string }
}

/** What was seen of a page. */
export interface Seen {
  /** Messages of the console, exceptions of scripts, dialogs. */
  readonly said: readonly string[]
  /** Everything that was asked for, the page itself first. */
  readonly requests: readonly string[]
  /** Rules of axe that it breaks, each with the first place. */
  readonly violations: readonly string[]
  /** By how many pixels the page is wider than the screen. */
  readonly overhang: number
  /** Texts of cells and items that are there and cannot be seen. */
  readonly hidden: readonly string[]
  /** All text that a reader sees. */
  readonly text: string
}

/** Starts the Chromium that test/browser/setup.sh has found or installed. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: QUIET, timeout: TIMEOUT_MS })
}

/** Opens a page and reports everything about it that a test may object to. */
async function lookAt(browser: Browser, url: string, look: Look, { name, login }: LookOptions): Promise<Seen> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: 700 },
    colorScheme: look.scheme,
    ignoreHTTPSErrors: true,
    ...(login && { httpCredentials: login }),
  })
  try {
    context.setDefaultTimeout(TIMEOUT_MS)
    const page = await context.newPage()
    const [said, requests] = listenTo(page)
    await page.emulateMedia({ media: look.media ?? 'screen' })
    await page.goto(url)
    const evaluate = await evaluator(context, page)
    await evaluate(axe.source)
    const violations = (await evaluate(
      `axe.run(document, { resultTypes: ['violations'], rules: ${JSON.stringify(RULES)} }).then(({ violations }) => violations.map(({ id, help, nodes }) => id + ': ' + help + ': ' + nodes[0].html))`,
    )) as string[]
    const overhang = (await evaluate('document.documentElement.scrollWidth - innerWidth')) as number
    const hidden = (await evaluate(
      `[...document.querySelectorAll('section :is(td, th, li, dd)')].filter((e) => !e.checkVisibility({ visibilityProperty: true, opacityProperty: true, contentVisibilityAuto: true })).map((e) => e.textContent)`,
    )) as string[]
    const text = (await evaluate('document.body.innerText')) as string
    await keepPicture(page, `${name}-${look.media === 'print' ? 'print' : `${look.scheme}-${look.width}`}`)
    if (look.media === 'print') assert.ok((await page.pdf()).length > 1000)
    return { said, requests, violations, overhang, hidden, text }
  } finally {
    await context.close()
  }
}

/** Looks at a page in each way, and objects to what no page may have. */
export async function lookAtAll(browser: Browser, url: string, options: LookOptions): Promise<Seen[]> {
  const seen: Seen[] = []
  for (const look of LOOKS) {
    const found = await lookAt(browser, url, look, options)
    const { said, requests, violations, overhang } = found
    assert.deepEqual(
      { look, said, requests, violations, overhang },
      { look, said: [], requests: [url], violations: [], overhang: 0 },
    )
    seen.push(found)
  }
  return seen
}

function listenTo(page: Page): [said: string[], requests: string[]] {
  const said: string[] = []
  const requests: string[] = []
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => said.push(`exception: ${error.message}`))
  page.on('request', (request) => requests.push(request.url()))
  page.on('dialog', (dialog) => {
    said.push(`dialog: ${dialog.message()}`)
    dialog.dismiss().catch(() => {})
  })
  return [said, requests]
}

/** Evaluates in a page whose policy forbids scripts, as the tools of a developer do. */
async function evaluator(context: BrowserContext, page: Page): Promise<(expression: string) => Promise<unknown>> {
  const session = await context.newCDPSession(page)
  return async (expression) => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }
}

/** Leaves a picture of each page in the directory that PICTURES names. */
async function keepPicture(page: Page, name: string): Promise<void> {
  const dir = process.env.PICTURES
  if (!dir) return
  mkdirSync(dir, { recursive: true })
  const { height = 0 } = (await page.locator('body').boundingBox()) ?? {}
  await page.screenshot({ path: join(dir, `${name}.png`), fullPage: height < HIGHEST_PICTURE })
}

function chromiumPath(): string {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      try {
        accessSync(join(dir, name), constants.X_OK)
        return join(dir, name)
      } catch {}
    }
  }
  throw new Error('No Chromium was found: run test/browser/setup.sh, or set CHROMIUM to its path')
}
