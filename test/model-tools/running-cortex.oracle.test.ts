import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import {
  copyCortex,
  migrate,
  ORACLE_SCRIPTS,
  python,
  type Release,
  synapseMigrator,
  tempDir,
} from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { RealCortex } from '../support/real-cortex.js'

/** MODEL_RELEASES="01x 200 latest" tries all. */
const RELEASES = (process.env.MODEL_RELEASES ?? '01x latest').split(' ') as Release[]
const run = promisify(execFile)

test('a Cortex migrates with the model of a running one of any release as with a file of its module', async (t) => {
  const dir = tempDir(t)
  const src = join(dir, 'src')
  python('01x', 'gen_cortex.py', src, '--nodes', '200', '--seed', '21', '--module')
  const file = join(dir, 'file.json')
  writeFileSync(file, python('rc18', 'export_model.py', 'example_mod.ExampleModule'))
  const dumpWith = (name: string, model: string) => {
    const dest = join(dir, name)
    const { status, stderr } = migrate('--src', src, '--dest', dest, '--model', model)
    assert.equal(status, 8, stderr)
    return layersOf(dest)
  }
  const expected = dumpWith('with-file', file)
  assert.ok(expected.some((line) => line.includes('ex:case')))
  // Of one to seven rows each; that a time is rounded down no row tells.
  const proposal = JSON.parse(synapseMigrator(['model', 'infer', '--src', src]).stdout)
  delete proposal.proposed
  proposal.forms['ex:contact'].props.since.typedef[1].ismin = true
  const inferred = join(dir, 'inferred.json')
  writeFileSync(inferred, JSON.stringify(proposal))
  assert.deepEqual(dumpWith('with-inferred', inferred), expected)
  for (const release of RELEASES) {
    const cortex = await start(release, release === '01x' ? copyCortex(src, join(dir, 'running')) : join(dir, release))
    try {
      if (release === '01x') {
        const exported = join(dir, `${release}.json`)
        const { stdout } = await run(process.execPath, [
          resolve('bin/synapse-migrator.mjs'),
          'model',
          'export',
          cortex.url,
        ])
        writeFileSync(exported, stdout)
        assert.deepEqual(dumpWith(`exported-${release}`, exported), expected, release)
      }
      const dest = join(dir, `url-${release}`)
      const args = ['--src', src, '--dest', dest, '--model', cortex.url]
      const ended = await run(process.execPath, [resolve('bin/migrate_020.mjs'), ...args]).catch((error) => error)
      assert.equal(ended.code, 8, ended.stderr)
      assert.doesNotMatch(`${ended.stdout}${ended.stderr}`, /secret/)
      assert.deepEqual(layersOf(dest), expected, release)
    } finally {
      await cortex.stop()
    }
  }
})

/** Rows of the layers, which follow from source and model alone. */
function layersOf(dest: string): string[] {
  return dumpCortex(dest).filter((line) => line.startsWith('layers/'))
}

/** An empty one of a 2.x release has only its modules in `dir`. */
function start(release: Release, dir: string): Promise<RealCortex> {
  if (release !== '01x') {
    mkdirSync(dir)
    writeFileSync(join(dir, 'cell.yaml'), 'modules:\n  - example_mod.ExampleModule\n')
  }
  return RealCortex.start(release, dir, 0, { PYTHONPATH: ORACLE_SCRIPTS })
}
