import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

// Among the tests that need more than the checkout, as it installs packages: `npm pack`, then `npm install` elsewhere.
const root = fileURLToPath(new URL('../../../', import.meta.url))

test('the packed package installs, builds its binding and migrates the bundled Cortex', () => {
  const dir = mkdtempSync(join(tmpdir(), 'package-'))
  try {
    const packed = run('npm', ['pack', '--ignore-scripts', '--pack-destination', dir, '--json'], root)
    const [{ filename }] = JSON.parse(packed) as { filename: string }[]
    const app = join(dir, 'app')
    mkdirSync(app)
    // Who installs the package pins this one too: an override holds for the root project only.
    writeFileSync(
      join(app, 'package.json'),
      JSON.stringify({ name: 'app', version: '1.0.0', private: true, overrides: overrides() }),
    )
    run('npm', ['install', '--no-audit', '--no-fund', '--foreground-scripts', join(dir, filename)], app)
    const src = join(dir, 'src')
    mkdirSync(src)
    run('tar', ['-xzf', join(root, 'test', 'fixtures', 'demo-cortex.tar.gz'), '-C', src], dir)
    const migrate = ['--no-install', 'migrate_020', '--src', src, '--dest', join(dir, 'dest')]
    const { status, stdout, stderr } = spawnSync('npx', migrate, { cwd: app, encoding: 'utf8' })
    assert.ok(status === 0 || status === 8, `exit code ${status}\n${stderr}`)
    assert.match(stdout, /^Migrated .* nodes/s)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

function overrides(): unknown {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { overrides: unknown }).overrides
}

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}
