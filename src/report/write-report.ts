import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeWhole } from '../slab/write-whole.js'
import { reportHtml } from './report-html.js'
import type { Report } from './report-schema.js'

/** Writes `report.json` and `report.html`, readable only by their owner. Returns the path of the page. */
export function writeReport(dir: string, report: Report): string {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeWhole(join(dir, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
  const page = join(dir, 'report.html')
  writeWhole(page, reportHtml(report))
  return page
}
