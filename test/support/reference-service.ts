import { spawnSync } from 'node:child_process'

/**
 * Unpacks a service directory that the reference (0.2.0rc18) has made: users root (secret) and visi (visi123), two layers,
 * three error records, migration mode always on.
 */
export function unpackService(dir: string): string {
  const { status } = spawnSync('tar', ['-xzf', 'test/fixtures/sync/reference-service.tar.gz', '-C', dir])
  if (status !== 0) throw new Error('tar failed')
  return dir
}
