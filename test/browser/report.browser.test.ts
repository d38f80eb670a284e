import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'playwright-core'
import { reportHtml } from '../../src/report/report-html.js'
import { type Report, reportSchema } from '../../src/report/report-schema.js'
import { lookAtAll, openBrowser, type Seen } from '../support/browser.js'
import { migrate, tempDir, unpack } from '../support/cortex.js'

const MARKUP = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  "'><svg onload=alert(3)>",
  '</style></title><script>alert(4)</script>',
  '<a href="javascript:alert(5)">here</a>',
  '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">',
]
const RIGHT_TO_LEFT = [
  '\u05e9\u05dc\u05d5\u05dd (\u0645\u0631\u062d\u0628\u0627) 12',
  '\u202egnp.exe',
  '\u2067abc\u2066',
]
const ODD = [
  'x'.repeat(10_000),
  '\u05d0'.repeat(10_000),
  'z\u0300'.repeat(5000),
  '\u0000\u001b[2J\u0007',
  '\ud800',
  '&lt;b&gt;',
]

let browser: Browser

before(async () => {
  browser = await openBrowser()
})

after(async () => {
  await browser.close()
})

test('the report of a run that finished, with a comparison, is in order', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/intact/src.tar.gz', join(dir, 'src'))
  assert.equal(migrate('--src', src, '--dest', join(dir, 'dest'), '--verify', '--workers', '1').status, 0)
  const seen = await lookAtFile(join(dir, 'dest', 'migration', 'report.html'), 'report-complete')
  for (const { text } of seen)
    assert.match(text, /^Migration report\s+complete \(exit code 0\)\s+The run finished without errors/)
})

test('the report of a run with errors is in order, and on paper all that is folded is there', async (t) => {
  const dir = tempDir(t)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  assert.equal(migrate('--src', src, '--dest', join(dir, 'dest'), '--verify', '--workers', '1').status, 8)
  const page = join(dir, 'dest', 'migration', 'report.html')
  const seen = await lookAtFile(page, 'report-errors')
  const [screen, paper] = [seen[0], seen[seen.length - 1]]
  assert.match(screen.text, /1 hiveauth OWNER\s+A trigger or queue names no user who owns it\./)
  assert.ok(screen.hidden.includes('inet:dns:a'))
  assert.deepEqual(paper.hidden, [])
  assert.match(paper.text, /inet:dns:a\s+2\s+2\s+0/)
})

test('the reports of a failed and of a dry run are in order', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  const [failed, dry] = [join(dir, 'failed'), join(dir, 'dry')]
  const dest = join(dir, 'dest')
  assert.equal(migrate('--src', join(dir, 'none'), '--dest', dest, '--report-dir', failed).status, 5)
  for (const { text } of await lookAtFile(join(failed, 'report.html'), 'report-failed')) {
    assert.match(text, /failed \(exit code 5\)/)
    assert.match(text, /Stopped by/)
  }
  assert.equal(migrate('--src', src, '--dest', dest, '--dry-run', '--report-dir', dry, '--workers', '1').status, 8)
  for (const { text } of await lookAtFile(join(dry, 'report.html'), 'report-dry'))
    assert.match(text, /dry run \(exit code 8\)/)
})

test('a report in which every text is hostile shows it, and nothing else happens', async (t) => {
  const dir = tempDir(t)
  const src = unpack('bad/normerror/src.tar.gz', join(dir, 'src'))
  assert.equal(migrate('--src', src, '--dest', join(dir, 'dest'), '--verify', '--workers', '1').status, 8)
  const report = reportSchema.parse(JSON.parse(readFileSync(join(dir, 'dest', 'migration', 'report.json'), 'utf8')))
  for (const [name, texts] of Object.entries({ markup: MARKUP, rtl: RIGHT_TO_LEFT, odd: ODD })) {
    mkdirSync(join(dir, name))
    const page = join(dir, name, 'report.html')
    writeFileSync(page, reportHtml(withTexts(report, texts)))
    for (const { text } of await lookAtFile(page, `report-${name}`)) {
      if (name === 'markup') for (const each of texts) assert.ok(text.includes(each), each)
      if (name === 'rtl') assert.ok(text.includes('\\u202egnp.exe'))
      if (name === 'odd')
        assert.ok(text.includes(texts[0]) && text.includes('\\u0000\\u001b[2J') && text.includes('&lt;b&gt;'))
    }
  }
})

function lookAtFile(path: string, name: string): Promise<Seen[]> {
  return lookAtAll(browser, pathToFileURL(path).href, { name })
}

/** The report with each text replaced, by one after the other, and no list longer than that. */
function withTexts(report: Report, texts: readonly string[]): Report {
  let at = 0
  const replaced = (value: unknown): unknown => {
    if (typeof value === 'string') return texts[at++ % texts.length]
    if (Array.isArray(value)) return value.slice(0, texts.length).map(replaced)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each)]))
  }
  const { verdict } = report
  return { ...(replaced(report) as Report), verdict: { ...verdict, text: texts[0] } }
}
