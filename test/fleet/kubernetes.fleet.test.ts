import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { unpack } from '../support/cortex.js'
import { example, runExample } from '../support/fleet.js'

/** A layer with little in it. */
const LAYER = '2509b8f52972b481ad6d8bd538faf9a1'
const dir = mkdtempSync(join(tmpdir(), 'fleet-kubernetes-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
const state = join(dir, 'state')
mkdirSync(state)
const env = {
  KUBE_STATE: state,
  KUBE_SOURCE: src,
  KUBE_DEST: join(dir, 'dest'),
  POLL_SECONDS: '0.1',
  SYN_MIGRATE_ACCEPT_ERRORS: 'all',
  SYN_MIGRATE_VERIFY: 'true',
}

test('migrate.sh runs the steps as Jobs, ends with the exit code of the one that failed, and goes on from there', async () => {
  const migrate = (more = {}) =>
    runExample([example('kubernetes/migrate.sh'), '--layer', LAYER, '--part-bytes', '16K'], {
      env: { ...env, ...more },
    })
  const failed = await migrate({ NO_SOURCE: 'splices 2/2' })
  assert.equal(failed.status, 5, failed.output)
  assert.match(failed.output, /^migrate-splices failed, its pods with exit codes 0 5$/m)
  const again = await migrate()
  assert.equal(again.status, 0, again.output)
})

test('the Jobs are valid, and their pods are not root and cannot write to the source', async () => {
  const paths = readdirSync(state)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(state, name))
  assert.deepEqual(paths.map((path) => parse(readFileSync(path, 'utf8')).metadata.name).sort(), [
    'migrate-cell',
    'migrate-extract',
    'migrate-finish',
    'migrate-finish-layer',
    'migrate-merge',
    'migrate-plan',
    'migrate-splices',
  ])
  const valid = await runExample(['kubernetes-validate', '--strict', ...paths])
  assert.equal(valid.status, 0, valid.output)
  for (const path of paths) {
    const { spec } = parse(readFileSync(path, 'utf8'))
    const { securityContext, volumes, containers } = spec.template.spec
    assert.equal(spec.completionMode, 'Indexed')
    assert.equal(securityContext.runAsNonRoot, true)
    assert.ok(volumes.find(({ name }: { name: string }) => name === 'source').persistentVolumeClaim.readOnly)
    assert.ok(containers[0].volumeMounts.find(({ name }: { name: string }) => name === 'source').readOnly)
  }
})
