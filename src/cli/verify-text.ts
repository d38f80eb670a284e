import { decode, MsgpackError } from '../bytes/msgpack.js'
import { printable } from '../bytes/printable.js'
import { type Json, toJson } from '../bytes/value-json.js'
import { INDEX_DBS } from '../layout/dest-dbs.js'
import { count, counted, tableLines } from '../text/table.js'
import type { Difference, VerifyReport } from '../verify/report.js'
import type { Paint } from './paint.js'

/** How many differences to describe by default; we count all. */
export const MOST_DIFFERENCES = 100
/** A value may be large; `--json` shows all of it. */
const MOST_VALUE_CHARS = 200
/** Databases whose differences show keys, which are not msgpack. */
const INDEX_PLACES = new Set<string>(INDEX_DBS)

/** Records that a run keeps for itself. */
const OWN_RECORDS =
  'not compared, as they hold nothing of the Cortex: checkpoints, reports, logs and options of slabs below migration'

/** The report for people, with up to `limit` single differences. */
export function verifyText(report: VerifyReport, limit: number, paint: Paint): string {
  const { differences, differenceCount, expected } = report
  const lines = [headLine(report), ...tableLines(layerRows(report)).map((line) => `  ${line}`)]
  lines.push(cellLine(report), `  ${OWN_RECORDS}`)
  for (const why of expected) lines.push(`${paint('yellow', 'note')}: ${why}: differences are to be expected`)
  for (const difference of differences.slice(0, limit)) lines.push('', ...differenceLines(difference, paint))
  const left = differenceCount - Math.min(limit, differences.length)
  if (left > 0) lines.push('', `… and ${count(left)} more: give --limit to see more of them`)
  if (differenceCount > 0) lines.push('')
  for (const what of report.notCompared) lines.push(`${paint('yellow', 'not compared')}: ${what}`)
  lines.push(verdict(report, paint))
  return `${lines.join('\n')}\n`
}

/** The report for programs: bytes as hex, plus decoded values where possible. */
export function verifyJson(report: VerifyReport, limit: number): Json {
  const { differences, layers, expected, notCompared, cell, ...facts } = report
  return {
    schema_version: 1,
    ok: report.differenceCount === 0,
    ...facts,
    expected: [...expected],
    notCompared: [...notCompared],
    cell: { ...cell },
    layers: layers.map((layer) => ({ ...layer })),
    differences: differences.slice(0, limit).map(({ buid, expected, found, ...difference }) => ({
      ...difference,
      buid: buid === null ? null : hex(buid),
      expected: valueJson(difference.place, expected),
      found: valueJson(difference.place, found),
    })),
  }
}

function headLine({ srcDir, destDir, sample, notCompared, elapsedMs }: VerifyReport): string {
  const whole = notCompared.length === 0 ? 'all of ' : ''
  const what = sample === null ? whole : `${count(sample)} nodes of each layer of `
  return `Compared ${what}${destDir} with ${srcDir} in ${(elapsedMs / 1000).toFixed(1)} s`
}

function layerRows({ layers }: VerifyReport) {
  const head = [
    'layer',
    'nodes',
    'node rows',
    'index rows',
    'nodedata',
    'splices',
    'node edits',
    'errors',
    'differences',
  ]
  return [
    head,
    ...layers.map((layer) => [
      layer.iden,
      layer.nodes,
      layer.rows,
      layer.indexRows,
      layer.nodedata,
      layer.splices,
      layer.nodeEdits,
      layer.errors,
      layer.differenceCount,
    ]),
  ]
}

function cellLine({ cell: { compared, files, slabs, differenceCount } }: VerifyReport): string {
  const copies = files + slabs === 0 ? '' : `, ${counted(files, 'file')}, ${counted(slabs, 'copied slab')}`
  return `  hive, queues and log of steps: ${counted(compared, 'row')}${copies}; ${counted(differenceCount, 'difference')}`
}

function differenceLines(difference: Difference, paint: Paint): string[] {
  const { kind, layer, place, buid, row, expected, found } = difference
  const node = buid === null ? '' : `  node ${hex(buid)}`
  const lines = [`${paint('red', kind)}  ${place}  ${printable(row)}`]
  if (layer !== null) lines.push(`  layer ${layer}${node}`)
  if (expected !== null) lines.push(`  expected  ${valueText(place, expected)}`)
  if (found !== null) lines.push(`  found     ${valueText(place, found)}`)
  return lines
}

function verdict({ differenceCount, errorCount, isCountExact, notCompared }: VerifyReport, paint: Paint): string {
  const kept = errorCount === 0 ? '' : `; the migration log holds ${counted(errorCount, 'error')}`
  const where = notCompared.length === 0 ? '' : ' in what was compared'
  if (differenceCount === 0) return `${paint('green', `No differences${where}`)}${kept}`
  const least = isCountExact ? '' : 'At least '
  return paint('red', `${least}${counted(differenceCount, 'difference')}`) + kept
}

function valueText(place: string, bytes: Uint8Array): string {
  const value = decoded(place, bytes)
  const text = value === undefined ? hex(bytes) : printable(JSON.stringify(value))
  return text.length > MOST_VALUE_CHARS ? `${text.slice(0, MOST_VALUE_CHARS)}…` : text
}

function valueJson(place: string, bytes: Uint8Array | null): Json {
  if (bytes === null) return null
  const value = decoded(place, bytes)
  return value === undefined ? { hex: hex(bytes) } : { hex: hex(bytes), value }
}

/** Undefined if it is not msgpack: keys, counts, names. */
function decoded(place: string, bytes: Uint8Array): Json | undefined {
  if (INDEX_PLACES.has(place) || place.includes(':')) return undefined
  try {
    return toJson(decode(bytes))
  } catch (err) {
    if (err instanceof MsgpackError) return undefined
    throw err
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
