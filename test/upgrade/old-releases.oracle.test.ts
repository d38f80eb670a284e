import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { planUpgrade, upgradeSource } from '../../src/upgrade/upgrade-source.js'
import {
  copyCortex,
  migrate,
  ORACLE_SCRIPTS,
  python,
  type Release,
  synapseMigrator,
  tempDir,
} from '../support/cortex.js'
import { readLines } from '../support/dump.js'
import { rowsOfLines, upgradedRows } from '../support/upgraded-rows.js'

const OLD_DIR = process.env.SYNAPSE_OLD_DIR ?? join(homedir(), '.cache', 'synapse-migrator', 'oracle-old')
/** OLD_RELEASES="0.1.10 0.1.46 …" tries others. */
const RELEASES = (process.env.OLD_RELEASES ?? '0.1.0 0.1.46').split(' ')
const SEED = process.env.OLD_SEED ?? '5'

for (const release of RELEASES) {
  test(`a Cortex of ${release} is migrated as if 0.1.58 had started on it, and 2.0.0 reads its nodes`, (t) => {
    const dir = tempDir(t)
    execFileSync(join(ORACLE_SCRIPTS, 'setup_old.sh'), [release], { stdio: 'inherit' })
    const src = join(dir, 'src')
    const interpreter = join(OLD_DIR, release, 'bin', 'python')
    const args = ['-W', 'ignore', join(ORACLE_SCRIPTS, 'gen_old_cortex.py'), src, '--nodes', '12', '--seed', SEED]
    t.diagnostic(execFileSync(interpreter, args, { encoding: 'utf8' }).split('\n')[0])
    const started = copyCortex(src, join(dir, 'started'))
    const theirs = rowsOfLines(python('01x', 'upgraded_rows.py', started, '--start'))
    const plan = planUpgrade(src)
    // The last releases before 0.1.58 write what it writes: all that it changes is its own version.
    const ours = upgradedRows(plan === null ? src : upgradeSource(plan, join(dir, 'upgraded'), []))
    const differing = [...theirs].filter(([key, value]) => ours.get(key) !== value)
    const version = ['hive cellinfo\0synapse:version', '[0,1,58]']
    assert.deepEqual(differing, plan === null ? [version] : [])
    assert.equal(ours.size, theirs.size)

    const dest = join(dir, 'dest')
    const { status, stdout, stderr } = migrate('--src', src, '--dest', dest)
    assert.equal(status, 0, stderr + stdout)
    const verified = synapseMigrator(['verify', '--src', src, '--dest', dest])
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
    const nodes = nodesOf('01x', started, dir)
    assert.ok(nodes.length > 100, `${nodes.length} nodes`)
    assert.deepEqual(nodesOf('200', dest, dir), nodes)
    // It takes as long as all the rest.
    if (release === RELEASES[0]) assert.ok(nodesOf('latest', dest, dir).length >= nodes.length, '2.256.0 starts on it')
  })
}

/** All nodes as a release reads them, without the view that each is read in: its iden is another one each time. */
function nodesOf(release: Release, cortex: string, dir: string): string[] {
  const copy = copyCortex(cortex, join(dir, `read-${release}`))
  const out = `${copy}.jsonl.gz`
  python(release, 'export_nodes.py', copy, out)
  return readLines(out)
    .map((line) => JSON.stringify(JSON.parse(line).slice(1)))
    .sort()
}
