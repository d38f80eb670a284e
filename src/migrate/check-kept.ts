import { join } from 'node:path'
import { PAGE_BYTES } from '../page/format.js'
import type { StreamState } from '../page/page-chunk.js'
import { inTurn } from '../thread/in-turn.js'
import type { TaskPool } from '../thread/task-pool.js'

/** How many pages one task compares. */
const TASK_PAGES = (64 << 20) / PAGE_BYTES

/** What an interrupted run left of a layer. */
export interface Kept {
  /** Half-built slabs by directory, and where the streams are in each. */
  readonly slabs: ReadonlyMap<string, readonly StreamState[]>
  /** Runs, and the stream that each belongs to. */
  readonly runs: readonly { readonly stream: number; readonly path: string }[]
}

/**
 * Reads everything that an interrupted run left, and returns the streams with damage: what a checkpoint vouches for may
 * have changed on disk since, or be gone.
 */
export async function damagedStreams(kept: Kept, pool: TaskPool): Promise<Set<number>> {
  const damaged = new Set<number>()
  const pages = [...kept.slabs].flatMap(([dir, streams]) => {
    return batches(streams).map((batch) => async () => {
      const found = await pool.run('checkPages', { path: join(dir, 'data.mdb'), streams: batch })
      for (const stream of found) damaged.add(stream)
    })
  })
  const runs = kept.runs.map(({ stream, path }) => async () => {
    if ((await pool.run('checkRun', { path })) !== null) damaged.add(stream)
  })
  await inTurn([...pages, ...runs], 2 * pool.workers, (check) => check())
  return damaged
}

function batches(streams: readonly StreamState[]): StreamState[][] {
  const found: StreamState[][] = []
  let pages = TASK_PAGES
  for (const state of streams) {
    if (pages >= TASK_PAGES) {
      found.push([])
      pages = 0
    }
    found[found.length - 1].push(state)
    pages += state.extents.reduce((sum, { count }) => sum + count, 0)
  }
  return found
}
