// Installs the packages that the lock file names unless they are there: `npm test` and `npm run demo` work on a fresh
// clone, and after a pull that changed the lock file.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

if (!isInstalled()) {
  console.error('Installing the packages of package-lock.json …')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { stdio: ['ignore', 2, 2] })
  process.exit(status ?? 1)
}

function isInstalled() {
  const wanted = packages('package-lock.json')
  const found = packages('node_modules/.package-lock.json')
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || found[path]?.version === version,
  )
}

function packages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return {}
  }
}
