import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { leafPath } from '../../src/page/leaf-file.js'
import type { StreamState } from '../../src/page/page-chunk.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { SlabFileBuilder } from '../../src/page/slab-file-builder.js'
import { tempDir } from '../support/fixture.js'
import { chunksOf, numbered, type Row, readRows, rowText } from './built-slab.js'

const TASKS = 5
const dir = tempDir()
const tasks = Array.from({ length: TASKS }, (_, i) => chunksOf(rowsOf(i)))

/** The fourth has none at all, the last has values of several pages. */
function rowsOf(task: number): Row[] {
  if (task === 3) return []
  return numbered(task * 1000, 100 + 130 * task, (i) => (task === 4 && i % 9 === 0 ? 9000 : 40))
}

/** What happens to a build: a chunk of a task is placed, what is complete is noted, a task starts again, or the process dies. */
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ does: fc.constant('place'), task: fc.integer({ min: 0, max: TASKS - 1 }) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('note'), task: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('drop'), task: fc.integer({ min: 0, max: TASKS - 1 }) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('kill'), task: fc.constant(0) }) },
)

/** The simplest model of a resumable build: how far each task is, and which of them are noted. */
class Build {
  private file: SlabFileBuilder
  private readonly placed = new Array<number>(TASKS).fill(0)
  /** A task that starts again has a stream of another number. */
  private readonly stream = Array.from({ length: TASKS }, (_, i) => i)
  private noted = new Map<number, StreamState>()
  private streams = TASKS
  /** Tasks whose leaf pages are in the file beside the slab. */
  private readonly kept = new Set<number>()

  constructor(private readonly path: string) {
    this.file = SlabFileBuilder.create(path)
  }

  do({ does, task }: { does: string; task: number }): void {
    if (does === 'place') this.place(task)
    else if (does === 'note') this.note()
    else if (does === 'kill') this.kill()
    else if (!this.noted.has(task)) this.restart(task, true)
  }

  finish(): void {
    this.kill()
    for (const task of tasks.keys()) while (this.place(task));
    for (const task of tasks.keys()) if (!this.kept.has(task)) this.keep(task)
    this.file.finishDb('rows', false, this.file.keptParts(this.stream))
    this.file.finish()
    // A kill before the checkpoint says that the slab is finished: the streams are still there for a resume.
    assert.equal(existsSync(leafPath(this.path)), true)
  }

  private place(task: number): boolean {
    const chunk = tasks[task].chunks[this.placed[task]]
    if (chunk === undefined) return false
    // The builder writes page numbers into what it is given.
    this.file.place(this.stream[task], { ...chunk, bytes: chunk.bytes.slice() })
    this.placed[task]++
    return true
  }

  private note(): void {
    for (const [task, { chunks }] of tasks.entries()) {
      if (this.placed[task] === chunks.length && !this.kept.has(task)) this.keep(task)
    }
    this.file.sync()
    for (const task of this.kept) this.noted.set(task, this.file.stateOf(this.stream[task]))
  }

  private keep(task: number): void {
    this.file.keep(this.stream[task], tasks[task].summary)
    this.kept.add(task)
  }

  private kill(): void {
    this.file.close()
    this.file = SlabFileBuilder.resume(this.path, [...this.noted.values()])
    for (const task of tasks.keys()) if (!this.noted.has(task)) this.restart(task, false)
  }

  private restart(task: number, isKnown: boolean): void {
    if (isKnown) this.file.drop(this.stream[task])
    this.kept.delete(task)
    this.stream[task] = this.streams++
    this.placed[task] = 0
  }
}

test('SlabFileBuilder makes the same rows whenever a build is noted, killed and resumed, and every page is reachable or free', () => {
  const expected = tasks.flatMap((_, task) => rowsOf(task).map(rowText))
  let builds = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const path = join(dir, String(builds++))
      const build = new Build(path)
      for (const one of steps) build.do(one)
      build.finish()
      assert.deepEqual(walkSlab(path).complaints, [])
      assert.deepEqual(readRows(path, 'rows'), expected)
    }),
    { numRuns: 40, seed: 1 },
  )
})
