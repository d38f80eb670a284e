import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Packr } from 'msgpackr/pack'
import { MigrationError } from '../errors.js'

const packr = new Packr({ structuredClone: true })
/** The shortest time between two saves of a layer's progress. */
const SAVE_MS = 3_000

interface Saved {
  /** Identifies the comparison; another one cannot resume from this file. */
  readonly what: string
  /** By layer, packed. */
  readonly layers: ReadonlyMap<string, Uint8Array>
}

/** Saves the progress of a comparison in a file to resume it later. Without a path it saves nothing. */
export class VerifyProgress {
  private readonly layers = new Map<string, Uint8Array>()
  private readonly savedMs = new Map<string, number>()

  /** @throws {MigrationError} ERR_CHECKPOINT_MISMATCH when the file is from another comparison */
  constructor(
    private readonly path: string | null,
    private readonly what: string,
  ) {
    if (path === null || !existsSync(path)) return
    const saved = readSaved(path)
    if (saved?.what !== what) {
      throw new MigrationError(
        'ERR_CHECKPOINT_MISMATCH',
        `Cannot continue from "${path}": it belongs to another comparison`,
        {
          hint: 'source, destination and options must be the same as before; to start over, remove the file',
        },
      )
    }
    for (const [iden, bytes] of saved.layers) this.layers.set(iden, bytes)
  }

  /** How many layers were at least begun. */
  get layerCount(): number {
    return this.layers.size
  }

  /** The saved state of a layer, or a new one from `begin`. */
  layer<T extends object>(iden: string, begin: () => T): T {
    const bytes = this.layers.get(iden)
    return bytes === undefined ? begin() : (packr.unpack(bytes) as T)
  }

  /** Saves the state of a layer: at once when it is `done`, else from time to time. */
  save(iden: string, state: object, done: boolean): void {
    if (this.path === null) return
    const now = Date.now()
    if (!done && now - (this.savedMs.get(iden) ?? 0) < SAVE_MS) return
    this.savedMs.set(iden, now)
    this.layers.set(iden, packr.pack(state))
    const part = `${this.path}.part`
    const saved: Saved = { what: this.what, layers: this.layers }
    writeFileSync(part, packr.pack(saved), { mode: 0o600 })
    const fd = openSync(part, 'r')
    fsyncSync(fd)
    closeSync(fd)
    renameSync(part, this.path)
  }

  /** Removes the file, as there is nothing left to resume. */
  remove(): void {
    if (this.path !== null) rmSync(this.path, { force: true })
  }
}

function readSaved(path: string): Saved | null {
  try {
    return packr.unpack(readFileSync(path)) as Saved
  } catch {
    return null
  }
}
