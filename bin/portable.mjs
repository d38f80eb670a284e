// Makes an archive that runs on a machine where nothing is installed, and without a network: Node, the program, the packages
// that it needs and its LMDB binding. `node bin/portable.mjs [linux-x64|linux-arm64]`; `--stage DIR` only lays the program
// and its packages into DIR, as the Dockerfile does.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The release of Node in the archive, from npm's registry. */
const NODE = '24'
const PROGRAMS = ['migrate_020', 'sync_020', 'synapse-migrator']
/** What of the packages no program reads. */
const UNUSED =
  /\.(map|d\.[cm]?ts|ts|md|markdown)$|\/lmdb\/(src|dependencies|build|bin)$|\/(node-api-headers|node-addon-api)$/

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const [first, second] = process.argv.slice(2)
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
if (first === '--stage') {
  stage(resolve(second))
  leaveCode(process.execPath, resolve(second))
} else pack(first ?? `linux-${process.arch}`)

function pack(platform) {
  const name = `synapse-migrator-${version}-${platform}`
  const work = mkdtempSync(join(tmpdir(), 'portable-'))
  try {
    const dir = join(work, name)
    const files = stage(join(dir, 'lib'))
    const bindings = join('prebuilds', platform)
    if (!existsSync(bindings)) fail(`there are no LMDB bindings in ${bindings}`, 'Run npm run bindings.')
    for (const { file, keep } of bindingsFor(join(dir, 'lib', 'prebuilds'), platform)) if (!keep) rmSync(file)
    addNode(dir, platform)
    for (const program of PROGRAMS) {
      writeFileSync(join(dir, program), launcher(program))
      chmodSync(join(dir, program), 0o755)
    }
    if (platform === `${process.platform}-${process.arch}`) {
      const { status, stderr } = spawnSync(join(dir, 'synapse-migrator'), ['setup'], { env: {}, encoding: 'utf8' })
      if (status !== 0 || !stderr.includes('nothing to build')) fail(`what is in it does not run:\n${stderr}`)
      leaveCode(join(dir, 'bin', 'node'), join(dir, 'lib'))
    }
    const archive = `${name}.tar.xz`
    run('tar', ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-cJf', resolve(archive), '-C', work, name])
    console.log(`${archive}: ${(statSync(archive).size / 2 ** 20).toFixed(1)} MiB, ${files} packages`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The bindings below a directory: of them a platform keeps one, as Node from the registry needs glibc. */
function bindingsFor(dir, platform) {
  return readdirSync(dir, { recursive: true })
    .filter((path) => path.endsWith('.node'))
    .map((path) => ({ file: join(dir, path), keep: path.startsWith(platform) && !path.includes('musl') }))
}

/** Lays what `npm pack` packs into a directory, and the packages of the lock file beside it; returns how many these are. */
function stage(dir) {
  mkdirSync(dir, { recursive: true })
  const listed = JSON.parse(run('npm', ['pack', '--dry-run', '--ignore-scripts', '--json']))
  const { files } = Object.values(listed)[0]
  for (const { path } of files) cpSync(path, join(dir, path))
  // A binding that was compiled here serves this machine's kind, where no others were made.
  if (!existsSync('prebuilds') && existsSync('build')) {
    for (const name of readdirSync('build').filter((entry) => entry.startsWith('lmdb-'))) {
      cpSync(join('build', name, 'prebuilds'), join(dir, 'prebuilds'), { recursive: true })
    }
  }
  copyFileSync('package-lock.json', join(dir, 'package-lock.json'))
  // The optional ones are binaries: of LMDB for data format 2, and of what works without.
  run('npm', ['ci', '--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', dir])
  const modules = join(dir, 'node_modules')
  for (const path of readdirSync(modules, { recursive: true })) {
    if (UNUSED.test(`/${path}`) && !/license|notice/i.test(basename(path))) {
      rmSync(join(modules, path), { recursive: true, force: true })
    }
  }
  rmSync(join(modules, '.bin'), { recursive: true, force: true })
  const lock = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'))
  return Object.keys(lock.packages).length
}

function addNode(dir, platform) {
  const work = mkdtempSync(join(tmpdir(), 'portable-node-'))
  try {
    const name = `node-${platform}`
    run('npm', [
      'install',
      '--prefix',
      work,
      '--no-save',
      '--force',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      `${name}@${NODE}`,
    ])
    const from = join(work, 'node_modules', name)
    mkdirSync(join(dir, 'bin'))
    copyFileSync(join(from, 'bin', 'node'), join(dir, 'bin', 'node'))
    chmodSync(join(dir, 'bin', 'node'), 0o755)
    copyFileSync(join(from, 'LICENSE'), join(dir, 'bin', 'LICENSE'))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * Migrates a small Cortex, which leaves V8's code beside the bundles: whoever runs the programs may not write
 * there (src/file/compiled-code.ts).
 */
function leaveCode(node, dir) {
  const work = mkdtempSync(join(tmpdir(), 'portable-code-'))
  try {
    const [src, dest] = ['src', 'dest'].map((name) => join(work, name))
    mkdirSync(src)
    run('tar', ['-xzf', join('test', 'fixtures', 'demo-cortex.tar.gz'), '-C', src])
    // 8: this Cortex has rows on purpose that cannot be migrated.
    const { status, stderr } = spawnSync(node, [join(dir, 'bin', 'migrate_020.mjs'), '--src', src, '--dest', dest])
    if (status !== 8) fail(`what is in it does not run:\n${stderr}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Starts a program of the archive by its own Node; needs nothing but `sh`, and `readlink` where it is called by a link. */
function launcher(program) {
  return `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  to=$(/usr/bin/readlink "$self")
  case $to in /*) self=$to ;; *) self=\${self%/*}/$to ;; esac
done
case $self in */*) dir=\${self%/*} ;; *) dir=. ;; esac
exec "$dir/bin/node" "$dir/lib/bin/${program}.mjs" "$@"
`
}

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    env: { ...process.env, XZ_OPT: '-T0' },
  })
  if (status === 0) return stdout
  return fail(`${command} ${args.join(' ')}: ${error?.message ?? `ended with ${status}\n${stderr}`}`)
}

function fail(reason, hint) {
  console.error(`Cannot make the portable archive: ${reason}${hint ? `\nhint: ${hint}` : ''}`)
  process.exit(1)
}
