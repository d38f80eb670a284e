/** One line of a dump: see test/oracle/dump.py. */
export interface Line {
  /** Path of the slab or file. */
  readonly path: string
  /** Empty for files, for plain rows of the unnamed database and for what a slab has of databases. */
  readonly db: string
  /** The row as canonical text. */
  readonly row: string
}

/** A line that only one of the two dumps has, `count` times more often. */
export interface Difference extends Line {
  readonly side: 'ours' | 'reference'
  readonly count: number
}

/** A difference that is meant to be: a defect of the reference that is cured, or a choice of ours. */
export interface Decision {
  /** The number of docs/decisions, such as "D10". */
  readonly id: string
  readonly covers: (difference: Difference) => boolean
}

export interface Comparison {
  /** How many lines each decision covers, by its id. */
  readonly explained: ReadonlyMap<string, number>
  readonly unexplained: readonly Difference[]
}

/** The reference gives the role "all" a random iden. */
const ALL_ROLE = `a11${'0'.repeat(29)}`

/** Compares two dumps as sets of lines; what depends on clock or chance is made equal first. */
export function compareDumps(ours: string[], reference: string[], decisions: readonly Decision[] = []): Comparison {
  const explained = new Map<string, number>()
  const unexplained: Difference[] = []
  for (const difference of differences(steady(ours), steady(reference))) {
    const decision = decisions.find(({ covers }) => covers(difference))
    if (decision === undefined) unexplained.push(difference)
    else explained.set(decision.id, (explained.get(decision.id) ?? 0) + difference.count)
  }
  return { explained, unexplained }
}

/** The first differences and the counts by database, for the message of a failed assertion. */
export function report(unexplained: readonly Difference[], limit = 12): string {
  const places = new Map<string, number>()
  for (const { side, path, db, count } of unexplained) {
    const place = `only ${side}: ${path} ${db}`
    places.set(place, (places.get(place) ?? 0) + count)
  }
  const counts = [...places].map(([place, count]) => `${count} ${place}`)
  const examples = unexplained.slice(0, limit).map(({ side, path, db, row }) => {
    return `${side === 'ours' ? '+' : '-'} ${path} ${db} ${row.slice(0, 400)}`
  })
  return ['', ...counts, ...examples].join('\n')
}

export function parseLine(line: string): Line {
  const [path, db, row] = line.split('\t')
  return { path, db, row }
}

function* differences(ours: string[], reference: string[]): Generator<Difference> {
  const balance = new Map<string, number>()
  for (const line of ours) balance.set(line, (balance.get(line) ?? 0) + 1)
  for (const line of reference) balance.set(line, (balance.get(line) ?? 0) - 1)
  for (const [line, count] of balance) {
    if (count === 0) continue
    yield { ...parseLine(line), side: count > 0 ? 'ours' : 'reference', count: Math.abs(count) }
  }
}

function steady(lines: string[]): string[] {
  const all = lines
    .map((line) => /\thive\t\["auth\\u0000roles\\u0000([0-9a-f]{32})","all"\]$/.exec(line)?.[1])
    .find(Boolean)
  const hierarchies = lines.map((line) => /^migration\/authhier_\d+\.mpk/.exec(line)?.[0] ?? '')
  const hierarchy = hierarchies.sort().at(-1) ?? ''
  return lines
    .filter((line) => !line.startsWith('migration/authhier_') || line.startsWith(hierarchy)) // each run adds one
    .map((line) => withoutTimes(all === undefined ? line : line.replaceAll(all, ALL_ROLE)))
}

function withoutTimes(line: string): string {
  const { path, db, row } = parseLine(line)
  if (path.startsWith('migration/authhier_')) return `migration/authhier.mpk\t${db}\t${row}`
  if (path === 'migration/lyroffs.yaml') return line.replaceAll(/"created":\d+/g, '"created":0')
  if (db === 'nexuslog') return line.replace(/"time":\d+(,"user":"\w+"\}\],\{\},\{\}\]\])$/, '"time":0$1')
  if (db === 'migr') return `${path}\t${db}\t${logRow(row)}`
  return line
}

/** A row of the migration log: `["<op>\0<type>\0<key>",<value>]`. */
function logRow(row: string): string {
  if (/^\["\w+\\u0000prog\\u0000|^\["cell\\u0000error\\u0000bootyaml/.test(row)) return row.replace(/,\d+\]$/, ',0]')
  if (/^\["\w+\\u0000(nextoffs|chkpnt)\\u0000|^\["\w+\\u0000stat\\u0000[^"]*:duration"/.test(row)) {
    return row.replace(/,\d+\]\]$/, ',0]]')
  }
  return row
}

/** All lines but those of checkpoints: where pages lie and a run can go on depends on how its threads take turns. */
export function withoutCheckpoints(dump: readonly string[]): string[] {
  return dump.filter((line) => !line.startsWith('migration/checkpoints.lmdb\tcheckpoints\t'))
}
