import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { Checkpoints, readCheckpointHeads, readCheckpoints } from '../../src/dest/checkpoints.js'
import { cortexPaths } from '../../src/layout/paths.js'
import { SlabReader } from '../../src/page/page-reader.js'
import { tempDir } from '../support/fixture.js'

const dir = tempDir()

const key = fc.constantFrom('nodes/aa', 'nodes/ab', 'splices/aa', 'nexus/aa')
const notes = fc.uniqueArray(
  fc.tuple(fc.nat({ max: 2 ** 31 }), fc.nat()).map(([stream, counts]) => ({ stream, counts })),
  {
    selector: ({ stream }) => stream,
    maxLength: 4,
  },
)
const step = fc.oneof(
  fc.record({ does: fc.constant('put' as const), key, value: fc.nat(), notes }),
  fc.record({ does: fc.constant('putStreams' as const), key, value: fc.nat(), notes }),
  fc.record({ does: fc.constant('replace' as const), key, value: fc.nat(), notes }),
  fc.record({ does: fc.constant('clear' as const), key, value: fc.nat(), notes }),
)

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

/** What is there, by key. */
type State = Map<
  string,
  { value: { isBuilt: number } | null; streams: Map<number, { stream: number; counts: number }> }
>

function act(state: State, { does, key, value, notes }: Step): void {
  const before = state.get(key)
  const streams = new Map(does === 'replace' ? [] : before?.streams)
  if (does === 'clear') {
    state.delete(key)
    return
  }
  if (does !== 'put') for (const note of notes) streams.set(note.stream, note)
  if (does === 'putStreams') for (const stream of droppedOf(before, value, notes)) streams.delete(stream)
  state.set(key, { value: does === 'putStreams' ? (before?.value ?? null) : { isBuilt: value }, streams })
}

/** Some streams that a checkpoint has, but for those that are noted now. */
function droppedOf(before: ReturnType<State['get']>, value: number, notes: Step['notes']): number[] {
  const known = [...(before?.streams.keys() ?? [])].filter((stream) => notes.every((note) => note.stream !== stream))
  return known.filter((_, i) => (i + value) % 3 === 0)
}

test('Checkpoints keep what a simple model keeps, and what a killed process leaves is that as well', async () => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
      const destDir = join(dir, String(count++))
      const checkpoints = await Checkpoints.open(destDir)
      const state: State = new Map()
      for (const one of steps) {
        // Streams are noted of a checkpoint that is there.
        if (one.does === 'putStreams' && state.get(one.key)?.value == null) continue
        const dropped = droppedOf(state.get(one.key), one.value, one.notes)
        act(state, one)
        if (one.does === 'put') checkpoints.put(one.key, { isBuilt: one.value })
        else if (one.does === 'putStreams') checkpoints.putStreams(one.key, one.notes, dropped)
        else if (one.does === 'replace') checkpoints.replace(one.key, { isBuilt: one.value }, one.notes)
        else checkpoints.clear(one.key)
        // As another process reads the file at this instant.
        const left = readCheckpoints(destDir)
        assert.deepEqual([...left.keys()].sort(), [...state.keys()].sort())
        assert.deepEqual(
          [...readCheckpointHeads(destDir)],
          [...left].map(([key, { value }]) => [key, { value }]),
        )
        for (const [key, { value, streams }] of state) {
          const sorted = [...streams.values()].sort((a, b) => a.stream - b.stream)
          assert.deepEqual(left.get(key), { value, streams: sorted })
          assert.deepEqual(checkpoints.get(key), value)
          assert.deepEqual([...checkpoints.streams(key)], sorted)
          const from = sorted[1]?.stream ?? 0
          assert.deepEqual(
            checkpoints.streamsFrom(key, from, 2),
            sorted.filter(({ stream }) => stream >= from).slice(0, 2),
          )
        }
      }
      await checkpoints.close()
    }),
    { numRuns: 25, seed: 1 },
  )
})

test('Checkpoints.putStreams() notes streams and forgets those in whose place they are in one transaction', async () => {
  const destDir = join(dir, 'one-transaction')
  const checkpoints = await Checkpoints.open(destDir)
  checkpoints.put('nodes/aa', {})
  checkpoints.putStreams('nodes/aa', [{ stream: 1 }, { stream: 2 }])
  const txnId = () => {
    const slab = SlabReader.open(cortexPaths(destDir).migration.checkpoints)
    slab.close()
    return slab.txnId
  }
  const before = txnId()
  checkpoints.putStreams('nodes/aa', [{ stream: 9 }], [1, 2])
  assert.equal(txnId(), before + 1)
  assert.deepEqual([...checkpoints.streams('nodes/aa')], [{ stream: 9 }])
  await checkpoints.close()
})
