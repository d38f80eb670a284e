import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Replaces a small file that others read at any time: they see the old or the new content, never a mix. Does not sync,
 * which would cost too much every second.
 *
 * @param mode the exact mode, whatever the umask
 */
export function replaceFile(path: string, content: string, mode = 0o600): void {
  const part = `${path}.part`
  rmSync(part, { force: true })
  writeFileSync(part, content, { flag: 'wx', mode: 0o600 })
  chmodSync(part, mode)
  renameSync(part, path)
}
