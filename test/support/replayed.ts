import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after } from 'node:test'
import { compareDumps, report, withoutCheckpoints } from './compare.js'
import { migrate, synapseMigrator, tempDir, unpack } from './cortex.js'
import { dumpCortex } from './dump.js'
import { parseItems } from './node-edits.js'
import { addUnknown, writeModel } from './unknown-model.js'

/** A Cortex with things of a custom module, and what becomes of it with and without the module's model; made once. */
export const made = (() => {
  const dir = tempDir({ after })
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  addUnknown(src)
  const model = writeModel(dir)
  const [without, withModel] = [join(dir, 'without'), join(dir, 'with')]
  assert.equal(migrate('--src', src, '--dest', without, '--workers', '2').status, 8)
  assert.equal(migrate('--src', src, '--dest', withModel, '--workers', '2', '--model', model).status, 8)
  return { src, model, without, withModel, expected: withoutCheckpoints(dumpCortex(withModel)) }
})()

export function replay(dest: string, ...more: string[]) {
  return synapseMigrator(['errors', dest, '--replay', '--src', made.src, '--model', made.model, ...more])
}

export function same(dest: string, what: string, expected = made.expected): void {
  const { unexplained } = compareDumps(anyBatches(withoutCheckpoints(dumpCortex(dest))), anyBatches(expected))
  assert.equal(unexplained.length, 0, `${what}: ${report(unexplained)}`)
}

/** Node edits of the nexus log one by one: replayed ones follow the others, in batches of their own. */
function anyBatches(dump: readonly string[]): string[] {
  return dump.flatMap((line) => {
    const found = /^(slabs\/nexus\.lmdb\tnexuslog\t)\["(?:[^"\\]|\\.)*",(\["\w+","edits",)(.*)\]$/.exec(line)
    if (found === null) return [line]
    const [, head, layer, rest] = found
    const [edits] = parseItems(parseItems(`[${rest}`, 0).items[0], 0).items
    return parseItems(edits, 0).items.map((edit) => `${head}${layer}${edit}`)
  })
}
