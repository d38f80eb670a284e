import { parseLine } from './compare.js'

/**
 * What a dump of a destination says twice and says differently: form counts against the nodes, names that have an
 * abbreviation against those that rows bear. Empty for a sound Cortex.
 */
export function inconsistencies(dump: readonly string[]): string[] {
  const layers = new Map<string, string[][]>()
  for (const line of dump) {
    const { path, db, row } = parseLine(line)
    const found = /^layers\/(\w+)\/(layer_v2|nodedata)\.lmdb$/.exec(path)
    if (found === null || db === '') continue
    layers.set(found[1], [...(layers.get(found[1]) ?? []), [db, row]])
  }
  return [...layers].flatMap(([layer, rows]) => ofLayer(rows).map((text) => `layer ${layer}: ${text}`))
}

function ofLayer(rows: string[][]): string[] {
  const of = (...dbs: string[]) => rows.filter(([db]) => dbs.includes(db)).map(([, row]) => JSON.parse(row))
  const nodes = new Map<string, number>()
  for (const [, flag, , value] of of('bybuid')) {
    if (flag === 'ndef') nodes.set(value[0], (nodes.get(value[0]) ?? 0) + 1)
  }
  const counts = new Map(of('count:forms'))
  const forms = [...new Set([...nodes.keys(), ...(counts.keys() as Iterable<string>)])]
  const miscounted = forms.filter((form) => counts.get(form) !== nodes.get(form))
  return [
    ...miscounted.map((form) => `count:forms of ${form} is ${counts.get(form)}, there are ${nodes.get(form)}`),
    ...unequal('propabrv', of('propabrv:byts2abrv'), [
      ...of('byprop', 'byarray').map(([form, prop]) => [form, prop]),
      ...of('bytag').map(([, form]) => [form, null]),
      ...of('dataname').map(([name]) => [name, null]),
    ]),
    ...unequal('tagabrv', of('tagabrv:byts2abrv'), of('bytag', 'bytagprop').map(tagOf)),
    ...unequal(
      'tagpropabrv',
      of('tagpropabrv:byts2abrv'),
      of('bytagprop').map(([form, tag, prop]) => [form, tag, prop]),
    ),
  ]
}

/** Tag props have their tag within their own name. */
function tagOf(row: unknown[]): unknown {
  return row.length === 4 ? row[0] : null
}

/** @param abrvs rows of a `byts2abrv` db: the name, and whether the other direction agrees */
function unequal(table: string, abrvs: [unknown, boolean][], used: unknown[]): string[] {
  const text = (name: unknown) => JSON.stringify(name)
  const known = new Set(abrvs.map(([name]) => text(name)))
  const borne = new Set(used.filter((name) => name !== null).map(text))
  return [
    ...abrvs.filter(([, agrees]) => !agrees).map(([name]) => `${table} of ${text(name)} disagrees with abrv2byts`),
    ...[...known].filter((name) => !borne.has(name)).map((name) => `${table} has ${name}, which no row bears`),
    ...[...borne].filter((name) => !known.has(name)).map((name) => `${table} lacks ${name}`),
  ]
}
