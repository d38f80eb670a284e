import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { compareDumps, report } from '../support/compare.js'
import { migrate, unpack } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { example, runExample, type Slurm, startSlurm } from '../support/fleet.js'

/** Cuts the largest of the four layers of the bundled Cortex into four parts, the others into one. */
const PLAN = '--part-bytes 48K'
/** It has an error on purpose. */
const settings = { SYN_MIGRATE_ACCEPT_ERRORS: 'all' }
/** One host dies while it makes a part, another one does not see the source. */
const ACCIDENTS = { KILLED: 'extract 2/4', NO_SOURCE: 'extract 3/4' }

const dir = mkdtempSync(join(tmpdir(), 'fleet-engines-'))
const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
let slurm: Slurm
let whole: string[]

before(async () => {
  slurm = await startSlurm()
  const dest = join(dir, 'whole')
  assert.equal(migrate('--src', src, '--dest', dest).status, 8)
  whole = rowsOf(dest)
})
after(async () => {
  await slurm?.stop()
  rmSync(dir, { recursive: true, force: true })
})

// Engines wait more than they work.
describe('parts that fail end with our exit code, and run again they make the rows of one run', {
  concurrency: true,
}, () => {
  test('Snakemake, on this machine and then on Slurm', async () => {
    const { dest, cwd } = emptyDirs('snakemake')
    const config = ['--config', `src=${src}`, `dest=${dest}`, `plan=${PLAN}`]
    const snakemake = ['snakemake', '--snakefile', example('snakemake/Snakefile'), '--cores', '2', '--keep-going']

    const first = await runExample([...snakemake, ...config], { cwd, env: { ...settings, ...ACCIDENTS } })
    assert.equal(first.status, 1, first.output)
    const failures = first.output.matchAll(/ part (\w+) .*--part (\S+) .*returned non-zero exit status (\d+)/g)
    assert.deepEqual([...failures].map(([, ...failure]) => failure.join(' ')).sort(), [
      'extract 2/4 137',
      'extract 3/4 5',
    ])

    const onSlurm = ['--workflow-profile', example('snakemake/profiles/slurm'), '--slurm-status-command', 'squeue']
    const words = [...snakemake, ...onSlurm, '--slurm-init-seconds-before-status-checks', '6', ...config]
    const second = await runExample(slurm.inside(cwd, words), { cwd, env: settings })
    assert.equal(second.status, 0, second.output)
    assert.deepEqual(ruleCounts(second.output), { extract: 2, merge: 4, finish_layer: 1, finish: 1 })
    sameRows(dest)
  })

  test('Slurm arrays', async () => {
    const { dest, cwd } = emptyDirs('arrays')
    const migrateInJobs = async (env: NodeJS.ProcessEnv) => {
      const submitted = await runExample(
        slurm.inside(cwd, [example('slurm/submit.sh'), src, dest, ...PLAN.split(' ')]),
        { cwd, env },
      )
      assert.equal(submitted.status, 0, submitted.output)
      const jobs = submitted.stdout.trim().split(' ')
      return runExample(slurm.inside(cwd, [example('slurm/wait.sh'), ...jobs]), { cwd })
    }

    const first = await migrateInJobs({ ...settings, ...ACCIDENTS })
    assert.equal(first.status, 5, first.output)
    const failures = first.output.matchAll(/^migrate-([\w-]+), job \d+(?:_(\S+))?: (.*)$/gm)
    assert.deepEqual([...failures].map(([, ...failure]) => failure.filter(Boolean).join(' ')).sort(), [
      'extract 2 FAILED, exit code 0, signal 9',
      'extract 3 FAILED, exit code 5, signal 0',
      'finish CANCELLED, exit code 0, signal 0',
      'finish-layer CANCELLED, exit code 0, signal 0',
      'merge 1-4 CANCELLED, exit code 0, signal 0',
    ])

    const second = await migrateInJobs(settings)
    assert.equal(second.status, 0, second.output)
    sameRows(dest)
  })
})

function emptyDirs(name: string): { readonly dest: string; readonly cwd: string } {
  const cwd = join(dir, name)
  mkdirSync(cwd)
  return { dest: join(dir, `${name}-dest`), cwd }
}

function ruleCounts(log: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [, rule] of log.matchAll(/^rule (\w+):$/gm)) counts[rule] = (counts[rule] ?? 0) + 1
  return counts
}

/** All of a Cortex but how far its migration has come, which parts tell otherwise. */
function rowsOf(dest: string): string[] {
  return dumpCortex(dest).filter((line) => !/^migration\/(parts\/|checkpoints\.)/.test(line))
}

function sameRows(dest: string): void {
  const { unexplained } = compareDumps(rowsOf(dest), whole)
  assert.ok(unexplained.length === 0, report(unexplained))
}
