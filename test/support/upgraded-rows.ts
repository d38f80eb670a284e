import { readdirSync } from 'node:fs'
import { decode, encode, type Value } from '../../src/bytes/msgpack.js'
import { toJson } from '../../src/bytes/value-json.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { SlabReader } from '../../src/page/page-reader.js'

/**
 * Rows of what 0.1.58 has made of an older Cortex, from the lines that test/oracle/upgraded_rows.py prints: `slab key` to the
 * value, with words for idens of a start's own making.
 */
export function rowsOfLines(text: string): Map<string, string> {
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [slab, key, value] = JSON.parse(line) as [string, string, string]
        return [`${slab} ${key}`, slab === 'hive' || slab === 'triggers' ? canonical(value) : value]
      }),
  )
}

/** The same of a Cortex directory that we have made. */
export function upgradedRows(dir: string): Map<string, string> {
  const paths = cortexPaths(dir)
  const rows = (path: string, db: string) => {
    if (!SlabReader.exists(path)) return []
    const slab = SlabReader.open(path)
    const found = [...(slab.db(db)?.rows() ?? [])]
    slab.close()
    return found
  }
  const hive = rows(paths.slab('cell'), 'hive').map(
    ({ key, value }) => [Buffer.from(key).toString(), decode(value)] as const,
  )
  const idens = readdirSync(paths.layers)
  const layers = idens
    .map((iden) => ({ iden, count: rows(paths.layer(iden).slab('layer'), 'bybuid').length }))
    .sort((a, b) => b.count - a.count)
  const words = new Map(layers.map(({ iden }, i) => [iden, `LAYER${i}`]))
  for (const [path, value] of hive) {
    const parts = path.split('\0')
    if (path === 'cellinfo\0defaultview') words.set(String(value), 'VIEW')
    if (parts[0] === 'auth' && ['users', 'roles'].includes(parts[1]) && parts.length === 3)
      words.set(parts[2], `${parts[1]}:${value}`)
  }
  const word = (text: string) => [...words].reduce((now, [iden, name]) => now.replaceAll(iden, name), text)
  const lines = new Map<string, string>()
  for (const [path, value] of hive) if (value !== null) lines.set(`hive ${word(path)}`, canonical(word(json(value))))
  for (const { key, value } of rows(paths.slab('cell'), 'triggers'))
    lines.set(`triggers ${Buffer.from(key)}`, canonical(word(json(decode(value)))))
  layers.forEach(({ iden }, i) => {
    const layer = paths.layer(iden)
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    for (const { key, value } of rows(layer.slab('layer'), 'bybuid'))
      lines.set(`layer${i} ${hex(key)}`, hex(encode((decode(value) as Value[])[0])))
    for (const { key, value } of rows(layer.slab('nodedata'), 'bybuid'))
      lines.set(`nodedata${i} ${hex(key)}`, hex(value))
    for (const { key, value } of rows(layer.slab('splices'), 'splices'))
      lines.set(`splices${i} ${hex(key)}`, hex(value))
  })
  return lines
}

function json(value: Value): string {
  return JSON.stringify(toJson(value))
}

/** JSON with its keys sorted. */
function canonical(text: string): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted)
    if (value === null || typeof value !== 'object') return value
    if ('$f' in value) return Number(value.$f)
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([k, v]) => [k, sorted(v)]),
    )
  }
  return JSON.stringify(sorted(JSON.parse(text)))
}
