import assert from 'node:assert/strict'
import { compareDumps, report } from './compare.js'
import { inconsistencies } from './consistency.js'
import {
  DECISIONS,
  lostByReference,
  steadyTriggers,
  tagPropTypes,
  withoutErrorCodes,
  withoutNodeEdits,
} from './decisions.js'
import { nodeEdits } from './node-edits.js'

/** Tag props of gen_cortex.py whose types have options. */
const TYPED_TAG_PROPS = ['tiny', 'since', 'note']

/**
 * Asserts that a result of ours has the rows of the reference's, but for the differences that are decisions: returns the
 * numbers of those that show.
 */
export function assertAsReference(ours: readonly string[], reference: readonly string[]): Set<string> {
  const { explained, unexplained } = compareDumps(comparable(ours), comparable(reference), [
    ...DECISIONS,
    tagPropTypes(TYPED_TAG_PROPS),
    ...lostByReference(reference, ours),
  ])
  assert.equal(unexplained.length, 0, report(unexplained))
  assert.deepEqual(inconsistencies(ours), [])
  const edits = nodeEdits(ours)
  for (const [layer, expected] of nodeEdits(reference)) {
    const found = edits.get(layer) ?? []
    assert.deepEqual(found.slice(0, -1), expected, `node edits of layer ${layer}`)
    assert.equal(found.length, expected.length + 1, 'D10: the last splice is not lost')
  }
  return new Set(explained.keys())
}

function comparable(dump: readonly string[]): string[] {
  return withoutErrorCodes(withoutNodeEdits(steadyTriggers(dump)))
}
