import { type Decision, type Difference, parseLine } from './compare.js'

/**
 * Where a result of ours differs from the reference's on purpose, by the numbers of docs/decisions. Each says exactly
 * which lines of a dump it may touch: everything else is a defect.
 */
export const DECISIONS: readonly Decision[] = [
  // Queue items stay with their queue: the old numbers of the queues are kept. The log says that the step is done.
  {
    id: 'D11',
    covers: (d) =>
      (d.path === 'slabs/queues.lmdb' && /^cortex:queue:(qdata|abrv:(byts2abrv|abrv2byts))$/.test(d.db)) ||
      (ours(d) && isLog(d) && /^\["queues\\u0000prog\\u0000none"/.test(d.row)),
  },
  // Equal triggers stay two: see steadyTriggers().
  {
    id: 'D15',
    covers: (d) => ours(d) && d.row.includes('trigger-') && (isHive(d) || d.path === 'migration/authhier.mpk'),
  },
  // A layer keeps its name and what 2.x knows of its configuration.
  {
    id: 'D16',
    covers: (d) =>
      isHive(d) &&
      ((ours(d) && /^\["cortex\\u0000layers\\u0000\w+\\u0000(name|growsize|lockmemory)"/.test(d.row)) ||
        /^\["cortex\\u0000layers\\u0000\w+\\u0000lockmemory",false\]$/.test(d.row)),
  },
  // The view's owner becomes its creator and the Cortex's "dedicated" is noted, as the migrator of 2.0.0 does; `--dest-dedicated` too.
  {
    id: 'as 2.0.0',
    covers: (d) =>
      (isHive(d) &&
        new RegExp(`^\\["cortex\\\\u0000views\\\\u0000\\w+\\\\u0000${ours(d) ? 'creator' : 'owner'}"`).test(d.row)) ||
      (ours(d) &&
        isLog(d) &&
        /^\["(cell\\u0000(conf\\u0000dedicated|prog\\u0000none)|hivelyr\\u0000conf\\u0000dedicated)"/.test(d.row)),
  },
  // A layer's history is reserved against 2.8.0, which would write over it.
  {
    id: 'D33',
    covers: (d) =>
      ours(d) &&
      (d.path === 'slabs/nexus.opts.yaml' ||
        (d.path === 'slabs/nexus.lmdb' && /^\["nexuslog",false\]$|"edits",\[\[\],\{\}\],\{\},\{\}\]\]$/.test(d.row))),
  },
  // Where an interrupted run goes on.
  { id: 'D3', covers: (d) => ours(d) && /^migration\/checkpoints\.(lmdb|opts\.yaml)$/.test(d.path) },
]

/** D12: tag props with options, stored and indexed by the type that they have, not by its base. */
export function tagPropTypes(names: readonly string[]): Decision {
  const name = names.join('|')
  const node = new RegExp(`^\\["\\w{64}","tagprop","[^"]*:(${name})",`)
  const index = new RegExp(`^\\[(null|"[^"]*"),"[^"]*","(${name})",`)
  return {
    id: 'D12',
    covers: (d) =>
      d.path.endsWith('layer_v2.lmdb') &&
      ((d.db === 'bybuid' && node.test(d.row)) || (d.db === 'bytagprop' && index.test(d.row))),
  }
}

/**
 * D23, D24: nodes and node data that the reference gives up with an error and we migrate: all their rows are ours only, and
 * the names and counts that follow from them, which inconsistencies() checks.
 */
export function lostByReference(reference: readonly string[], ours: readonly string[]): Decision[] {
  const theirs = errorsByBuid(reference)
  const kept = errorsByBuid(ours)
  const lost = (mesg: string) =>
    [...theirs].filter(([buid, found]) => found.startsWith(mesg) && !kept.has(buid)).map(([buid]) => buid)
  const errorOf = (d: Difference) => [...errorsByBuid([`${d.path}\t${d.db}\t${d.row}`]).keys()]
  const about = (buids: readonly string[]) => (d: Difference) =>
    d.side === 'ours'
      ? !isLog(d) && buids.some((buid) => d.row.includes(buid))
      : errorOf(d).some((b) => buids.includes(b))
  return [
    { id: 'D23', covers: about([...lost('No form name available'), ...lost('Nodedata form not resolved')]) },
    {
      id: 'D24',
      covers: about([...lost('Normed form val does not match inbound'), ...lost('Calculated buid does not match')]),
    },
    // The same errors, with the layer and for node data with the value.
    { id: 'D32', covers: (d) => errorOf(d).some((buid) => theirs.get(buid) === kept.get(buid)) },
    { id: 'counts', covers: (d) => isCount(d) || isName(d) },
  ]
}

/** The message of each node or node data error in the migration log of a dump, by its buid in hex. */
function errorsByBuid(dump: readonly string[]): Map<string, string> {
  const errors = new Map<string, string>()
  for (const line of dump) {
    const { db, row } = parseLine(line)
    if (db !== 'migr') continue
    const [key, value] = JSON.parse(row)
    const bytes = typeof key === 'string' ? Buffer.from(key) : Buffer.from(key.$b, 'hex')
    const start = /^(nodes|nodedata)\0error\0/.exec(bytes.toString('latin1'))
    if (start !== null) errors.set(bytes.subarray(start[0].length).toString('hex'), String(value.mesg ?? value))
  }
  return errors
}

/** All lines but the node edits, which nodeEdits() reads: how many share a row is no difference (D10). */
export function withoutNodeEdits(dump: readonly string[]): string[] {
  return dump.filter((line) => !line.includes('/nodeedits.lmdb\tnodeedits\t'))
}

/** D32: errors of all steps store their kind, which the reference has no place for. */
export function withoutErrorCodes(dump: readonly string[]): string[] {
  const isError = (line: string) =>
    line.startsWith('migration/migr.lmdb\tmigr\t') && line.includes('\\u0000error\\u0000')
  return dump.map((line) => (isError(line) ? line.replace(/,"code":"[A-Z]+"\}\]$/, '}]') : line))
}

/**
 * D15: the reference gives triggers idens made of their content, ours keep their own. Puts a name made of view and content
 * in place of the iden everywhere.
 */
export function steadyTriggers(dump: readonly string[]): string[] {
  const names = new Map<string, string>()
  for (const line of dump) {
    const { db, row } = parseLine(line)
    const found = db === 'hive' && /^\["cortex\\u0000views\\u0000(\w+)\\u0000triggers\\u0000(\w{32})",(.*)\]$/.exec(row)
    if (found)
      names.set(found[2], `trigger-${found[1]}-${found[3].replace(/,"iden":"\w+"/, '').replaceAll(/[^\w:.]/g, '')}`)
  }
  return dump.map((line) => {
    if (!line.startsWith('slabs/cell.lmdb\thive') && !line.startsWith('migration/authhier_')) return line
    let named = line
    for (const [iden, name] of names) named = named.replaceAll(iden, name)
    return named
  })
}

function ours(d: Difference): boolean {
  return d.side === 'ours'
}

function isHive(d: Difference): boolean {
  return d.path === 'slabs/cell.lmdb' && d.db === 'hive'
}

function isLog(d: Difference): boolean {
  return d.path === 'migration/migr.lmdb' && d.db === 'migr'
}

function isCount(d: Difference): boolean {
  return d.db === 'count:forms' || (isLog(d) && /^\["(nodes|nodedata)\\u0000stat\\u0000/.test(d.row))
}

function isName(d: Difference): boolean {
  return ours(d) && /:(byts2abrv|abrv2byts)$/.test(d.db)
}
