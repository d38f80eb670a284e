import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PieceSizes } from '../../src/migrate/options.js'
import { compareDumps, report, withoutCheckpoints } from './compare.js'
import { unpack } from './cortex.js'
import { dumpCortex } from './dump.js'
import { type Run, type RunControls, type RunOptions, runMigrator, TINY } from './migrator.js'
import { type Fault, shimmed } from './shim.js'

/** A run that takes so long hangs: undisturbed it takes 2 s. */
const LIMIT_MS = 120_000
const GENERATOR = fileURLToPath(new URL('../../bench/synthetic-layer.js', import.meta.url))
const PIECES = { ...TINY, partitionBytes: 12_000 }
/** Runs are merged in levels, as those of a layer of more than 512 partitions are. */
const LEVELS = { ...PIECES, taskBytes: 25_000, fanIn: { atOnce: 4, most: 4 } }

/** Cortexes that are small and have, between them, everything that takes a way of its own. */
export type CortexName = 'demo-cortex' | 'bad/splices-old' | 'made'
export const CORTEXES: readonly CortexName[] = ['demo-cortex', 'bad/splices-old', 'made']

function piecesOf(name: CortexName): PieceSizes {
  if (name === 'made') return { partitionBytes: 400_000, unitBytes: 100_000, rangeBytes: 100_000 }
  return name === 'demo-cortex' ? LEVELS : PIECES
}

/** A Cortex and what a migration makes of it that nothing disturbs: what every disturbed one must come to. */
export class Undisturbed {
  private constructor(
    readonly dir: string,
    readonly srcDir: string,
    readonly pieces: PieceSizes,
    readonly wholeMs: number,
    /** All rows of all slabs and all files. */
    readonly expected: readonly string[],
    /** `call path` of each call that changed something. */
    readonly trace: readonly string[],
  ) {}

  /** @param dir where it may work */
  static async of(name: CortexName, dir: string): Promise<Undisturbed> {
    const own = join(dir, name.replace('/', '-'))
    const srcDir = join(own, 'src')
    mkdirSync(own, { recursive: true })
    if (name === 'made') {
      const made = spawnSync(process.execPath, [GENERATOR, srcDir, '--nodes', '2000', '--seed', '7'])
      assert.equal(made.status, 0, String(made.stderr))
    } else unpack(name === 'demo-cortex' ? `${name}.tar.gz` : `${name}/src.tar.gz`, srcDir)
    const pieces = piecesOf(name)
    const destDir = join(own, 'calm')
    const trace = join(own, 'trace')
    const startMs = Date.now()
    const env = shimmed(destDir, own, { trace })
    const { summary, stderr } = await runMigrator({ srcDir, destDir, pieces, workers: 2 }, { env })
    assert.ok(summary !== undefined, stderr)
    const wholeMs = Date.now() - startMs
    const calls = readFileSync(trace, 'utf8').trimEnd().split('\n')
    return new Undisturbed(own, srcDir, pieces, wholeMs, dumpCortex(destDir), calls)
  }

  /** A destination that does not exist yet. */
  newDest(): string {
    return join(mkdtempSync(join(this.dir, 'case-')), 'dest')
  }

  run(options: Partial<RunOptions> & { destDir: string }, controls: RunControls & { fault?: Fault } = {}) {
    const { fault, ...rest } = controls
    const scratch = join(options.destDir, '..')
    const env = {
      TMPDIR: scratch,
      ...(fault !== undefined && shimmed(options.destDir, scratch, fault)),
      ...rest.env,
    }
    return runMigrator(
      { srcDir: this.srcDir, pieces: this.pieces, workers: 2, ...options },
      { limitMs: LIMIT_MS, ...rest, env },
    )
  }

  /** Goes on where a run was interrupted and demands the undisturbed result; then removes it. */
  async finish(
    destDir: string,
    what: string,
    options: Partial<RunOptions> = {},
    controls: RunControls = {},
  ): Promise<Run> {
    const run = await this.run({ destDir, fromLast: true, ...options }, controls)
    assert.ok(run.summary !== undefined, `${what}: ${run.stderr}`)
    this.same(destDir, what)
    return run
  }

  /** Demands the undisturbed result: every row of every slab, every file and no other. Removes the destination. */
  same(destDir: string, what: string): void {
    const { unexplained } = compareDumps(withoutCheckpoints(dumpCortex(destDir)), withoutCheckpoints(this.expected))
    assert.equal(unexplained.length, 0, `${what}: ${report(unexplained)}`)
    rmSync(destDir, { recursive: true, force: true })
  }
}

/** Fails unless a run that came to no end says why in sentences that an operator can use. */
export function assertClear(run: Run, what: string): void {
  assert.ok(!run.isHung, `${what}: ${run.stderr}`)
  const told = `${what}: ended with ${run.status} ${run.signal}: ${run.stderr}`
  assert.ok(run.error !== undefined && run.status !== null && run.status > 1, told)
  assert.match(run.stderr, /^error: \S/m, told)
  assert.match(run.stderr, /^hint: /m, told)
}
