import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { CellFiles } from '../dest/cell-files.js'

/** The files of a destination as the source and the cell steps make them. Writes nothing to disk. */
export class CopiedFiles implements CellFiles {
  /** What steps wrote, and null for what they removed, by path below the destination. */
  readonly changed = new Map<string, Uint8Array | null>()
  private readonly srcDir: string
  private readonly destDir: string

  constructor(srcDir: string, destDir: string) {
    this.srcDir = srcDir
    this.destDir = destDir
  }

  read(path: string): string | null {
    const bytes = this.bytes(relative(this.destDir, path))
    return bytes === null ? null : Buffer.from(bytes).toString('utf8')
  }

  write(path: string, content: string | Uint8Array): void {
    this.changed.set(relative(this.destDir, path), Buffer.from(content))
  }

  move(from: string, to: string): void {
    const [before, after] = [relative(this.destDir, from), relative(this.destDir, to)]
    this.changed.set(after, this.bytes(before))
    this.changed.set(before, null)
  }

  private bytes(name: string): Uint8Array | null {
    const changed = this.changed.get(name)
    if (changed !== undefined) return changed
    const path = join(this.srcDir, name)
    return existsSync(path) ? readFileSync(path) : null
  }
}
