import { MigrationError } from '../errors.js'
import type { NodesFingerprint, SlabPrint, SplicesFingerprint } from '../layout/records.js'
import { count } from '../text/table.js'

/** A run resumes only if all of this is unchanged: source, options, version of the files on disk. */
export type Fingerprint = NodesFingerprint | SplicesFingerprint

/** @throws {MigrationError} ERR_CHECKPOINT_MISMATCH that names everything that differs */
export function checkpointDiffers(layer: string, found: Fingerprint, wanted: Fingerprint): void {
  const [before, now] = [factsOf(found), factsOf(wanted)]
  const names = [...new Set([...before.keys(), ...now.keys()])]
  const list = names.flatMap((name) => {
    const difference = differenceOf(before.get(name) ?? null, now.get(name) ?? null)
    return difference === null ? [] : [`${name} (${difference})`]
  })
  if (list.length === 0) return
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot resume layer "${layer}": it was started with another ${list.join(', another ')}`,
    { hint: 'Use the source and the options of the first run, or start over with --restart' },
  )
}

/** Whether two prints are of the same slab in the same state. */
export function isSameSlab(a: SlabPrint | null, b: SlabPrint | null): boolean {
  return a?.digest === b?.digest
}

type Fact = string | SlabPrint | null

/** Everything that may differ, by the name that operators know. */
function factsOf(fingerprint: Fingerprint): Map<string, Fact> {
  const { schema: _, slabs, ...rest } = fingerprint
  const facts = new Map<string, Fact>()
  for (const [slab, print] of Object.entries(slabs)) facts.set(`${slab}.lmdb`, print)
  if ('otherLayers' in rest) {
    facts.set('other layers', rest.otherLayers.map(({ iden }) => iden).join(','))
    for (const { iden, layer } of rest.otherLayers) facts.set(`layer.lmdb of layer ${iden}`, layer)
    facts.set('checks', String(rest.checks))
    facts.set('partial nodes', String(rest.mapPartial))
  }
  facts.set('layer', rest.layer)
  facts.set('model', rest.model)
  return facts
}

function differenceOf(before: Fact, now: Fact): string | null {
  if (isPrint(before) && isPrint(now)) {
    if (isSameSlab(before, now)) return null
    const [a, b] = [stateOf(before), stateOf(now)]
    return a === b ? `${a}, other content` : `${a}; now ${b}`
  }
  if (before === now) return null
  return `${brief(before)}, now ${brief(now)}`
}

function isPrint(fact: Fact): fact is SlabPrint {
  return fact !== null && typeof fact !== 'string'
}

function stateOf({ txnId, rows, pages }: SlabPrint): string {
  return `transaction ${count(txnId)}, ${count(rows)} rows, ${count(pages)} pages`
}

function brief(fact: Fact): string {
  if (fact === null) return 'none'
  const text = isPrint(fact) ? stateOf(fact) : fact
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
