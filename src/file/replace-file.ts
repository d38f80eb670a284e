import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Writes a small file that others read while it is replaced again and again: they see all of it, the old or the new one. It is
 * not made durable, which would take too long each second.
 *
 * @param mode as it shall be, whatever the umask is
 */
export function replaceFile(path: string, content: string, mode = 0o600): void {
  const part = `${path}.part`
  rmSync(part, { force: true })
  writeFileSync(part, content, { flag: 'wx', mode: 0o600 })
  chmodSync(part, mode)
  renameSync(part, path)
}
