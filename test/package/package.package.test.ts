import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

// Among the tests that need more than the checkout: they pack the package, and install it elsewhere in many ways.
const root = fileURLToPath(new URL('../../../', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'package-'))
chmodSync(dir, 0o755)
after(() => rmSync(dir, { recursive: true, force: true }))
const src = join(dir, 'src')
mkdirSync(src)
run('tar', ['-xzf', join(root, 'test', 'fixtures', 'demo-cortex.tar.gz'), '-C', src, '--no-same-owner'], dir)
run('chmod', ['-R', 'a+rX', src], dir)
const [packed] = Object.values(
  JSON.parse(run('npm', ['pack', '--pack-destination', dir, '--json'], root)) as {
    [key: string]: { filename: string; files: { path: string }[] }
  },
)
const tarball = join(dir, packed.filename)

/** An empty folder with the package in it. */
function installed(name: string, command: string, args: string[]): string {
  const app = join(dir, name)
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }\n')
  run(command, args, app)
  return app
}

/** Migrates the bundled Cortex with nothing but Node: no PATH, no home, as a user who owns nothing where we are root. */
function migrates(app: string, node = process.execPath): void {
  const dest = mkdtempSync(join(tmpdir(), 'package-dest-'))
  try {
    chmodSync(dest, 0o777)
    const script = join(app, 'node_modules', 'synapse-migrator', 'bin', 'migrate_020.mjs')
    const { status, stdout, stderr } = spawnSync(node, [script, '--src', src, '--dest', join(dest, 'cortex')], {
      encoding: 'utf8',
      env: { PATH: '/nonexistent' },
      ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
    })
    // 8: this Cortex has rows on purpose that cannot be migrated.
    assert.equal(status, 8, `${stdout}\n${stderr}`)
    assert.match(stdout, /^ {2}layer \w+: [1-9]\d* of \d+ nodes/m)
  } finally {
    rmSync(dest, { recursive: true, force: true })
  }
}

test('the package holds what its users need and nothing else', () => {
  const allowed =
    /^(bin\/(migrate_020|sync_020|synapse-migrator|start)\.mjs|dist\/src\/bundle\/([\w.-]+\.c?js|LICENSES\.md)|dist\/src\/bundle\/data\/\w+\.(json|wasm)|dist\/types\/.+\.d\.ts|prebuilds\/.+\.(node|md)|packaging\/sync_020\.service|examples\/[\w./-]+|docs\/(.+\.md|[\w-]+\.schema\.json|pictures\/[\w-]+\.png)|man\/(migrate_020|sync_020|synapse-migrator)\.1|(package\.json|README\.md|CHANGELOG\.md|LICENSE))$/
  const paths = packed.files.map(({ path }) => path)
  assert.deepEqual(
    paths.filter((path) => !allowed.test(path)),
    [],
  )
  assert.deepEqual(paths.filter((path) => path.endsWith('.node')).sort(), [
    'prebuilds/darwin-arm64/node.napi.node',
    'prebuilds/darwin-x64/node.napi.node',
    'prebuilds/linux-arm64/node.napi.glibc.node',
    'prebuilds/linux-arm64/node.napi.musl.node',
    'prebuilds/linux-x64/node.napi.glibc.node',
    'prebuilds/linux-x64/node.napi.musl.node',
  ])
})

for (const version of ['10', '11', '12']) {
  test(`npm ${version} installs it without scripts and optional packages, and it migrates a Cortex`, () => {
    const args = [
      '--yes',
      `npm@${version}`,
      'install',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--omit=optional',
    ]
    migrates(installed(`npm-${version}`, 'npx', [...args, tarball]))
  })
}

test('npm installs it as a global package', () => {
  const prefix = join(dir, 'global')
  run('npm', ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', tarball], dir)
  assert.ok(existsSync(join(prefix, 'bin', 'migrate_020')))
  assert.ok(existsSync(join(prefix, 'share', 'man', 'man1', 'migrate_020.1')))
  migrates(join(prefix, 'lib'))
})

for (const version of ['20.19', '22', '24', '26']) {
  test(`it runs on Node ${version}`, () => {
    const packageName = `node-${process.platform}-${process.arch}`
    const args = ['install', '--no-audit', '--no-fund', tarball, `${packageName}@${version}`]
    const app = installed(`node-${version}`, 'npm', args)
    const node = join(app, 'node_modules', packageName, 'bin', 'node')
    assert.match(run(node, ['--version'], app), new RegExp(`^v${version.replace('.', '\\.')}\\.`))
    migrates(app, node)
    assert.match(
      run(node, ['-e', "import('synapse-migrator').then((m) => console.log(typeof m.migrate))"], app),
      /^function/,
    )
  })
}

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}
