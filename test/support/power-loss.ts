import { linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What a disk writes at once or not at all. */
const SECTOR_BYTES = 512
const HEAD_BYTES = 28

/** One call of a record that the shim made, with paths below the destination. */
interface Call {
  readonly kind: string
  readonly isDurable: boolean
  readonly path: string
  /** The old name of a `rename`, what a `link` leads to. */
  readonly from: string
  /** Position of a write; new size of a truncation. */
  readonly offset: number
  readonly bytes: Buffer
}

/** A file as the disk may have it: what is surely there, and what may be. */
class Inode {
  bytes = Buffer.alloc(0)
  private pending: { offset: number; bytes: Buffer | null }[] = []

  change(offset: number, bytes: Buffer | null, isDurable: boolean): void {
    this.pending.push({ offset, bytes })
    // A write with O_DSYNC is durable itself, and makes nothing else so.
    if (isDurable && bytes !== null) this.apply(offset, bytes, () => true)
  }

  sync(): void {
    this.settle(() => true)
  }

  /** Applies what was not synced, in order, but only the sectors and truncations that `isKept` says. */
  settle(isKept: () => boolean): void {
    for (const { offset, bytes } of this.pending) this.apply(offset, bytes, isKept)
    this.pending = []
  }

  private apply(offset: number, bytes: Buffer | null, isKept: () => boolean): void {
    if (bytes === null) {
      if (isKept()) this.resize(offset)
      return
    }
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES))
      if (isKept()) {
        if (this.bytes.length < offset + end) this.resize(offset + end)
        bytes.copy(this.bytes, offset + at, at, end)
      }
      at = end
    }
  }

  private resize(size: number): void {
    const next = Buffer.alloc(size)
    this.bytes.copy(next)
    this.bytes = next
  }
}

/** Reads what the shim has recorded. */
export function readRecord(path: string): Call[] {
  const file = readFileSync(path)
  const calls: Call[] = []
  for (let at = 0; at < file.length; ) {
    const pathEnd = at + HEAD_BYTES + file.readUInt32LE(at + 4)
    const fromEnd = pathEnd + file.readUInt32LE(at + 8)
    const kind = String.fromCharCode(file[at])
    const length = Number(file.readBigUInt64LE(at + 20))
    const end = fromEnd + (kind === 'w' ? length : 0)
    calls.push({
      kind,
      isDurable: file[at + 1] === 1,
      path: file.toString('utf8', at + HEAD_BYTES, pathEnd),
      from: file.toString('utf8', pathEnd, fromEnd),
      offset: Number(file.readBigUInt64LE(at + 12)),
      bytes: file.subarray(fromEnd, end),
    })
    at = end
  }
  return calls
}

/**
 * Makes the directory that is left when the power fails before call number `at`. All that was synced is there. Of writes
 * that were not, each sector is there with the given chance. Names change in order, as file systems with a journal have
 * it, and the last of them that no sync of their directory vouches for may be lost.
 *
 * @param random whole numbers below a bound
 */
export function imageAfter(
  calls: readonly Call[],
  at: number,
  keepPercent: number,
  random: (bound: number) => number,
  dest: string,
): void {
  const nameCalls = calls.slice(0, at).flatMap((call, index) => ('crlumd'.includes(call.kind) ? [index] : []))
  const firm = calls
    .slice(0, at)
    .reduce((last, { kind, path }, index) => (kind === 's' ? Math.max(last, newestIn(calls, path, index)) : last), -1)
  const loose = nameCalls.filter((index) => index > firm)
  const lostFrom = loose.length === 0 ? at : [...loose, at][random(loose.length + 1)]
  const files = new Map<string, Inode>()
  const inodes = new Set<Inode>()
  const dirs = new Set<string>()
  /** Names as the program saw them, by which later calls speak of them. */
  const seen = new Map<string, Inode>()
  calls.slice(0, at).forEach((call, index) => {
    follow(seen, new Set(), call, inodes)
    if (index >= lostFrom) return
    const inode = seen.get(call.path)
    if (call.kind === 'c' && inode !== undefined) files.set(call.path, inode)
    else follow(files, dirs, call, null)
  })
  for (const inode of inodes) inode.settle(() => random(100) < keepPercent)
  mkdirSync(dest, { recursive: true })
  for (const dir of dirs) mkdirSync(join(dest, dir), { recursive: true })
  const written = new Map<Inode, string>()
  for (const [path, inode] of files) {
    mkdirSync(dirname(join(dest, path)), { recursive: true })
    const other = written.get(inode)
    if (other !== undefined) linkSync(other, join(dest, path))
    else writeFileSync(join(dest, path), inode.bytes)
    written.set(inode, join(dest, path))
  }
}

/** The last call before `index` that changed names in a directory, or the directory itself. */
function newestIn(calls: readonly Call[], dir: string, index: number): number {
  for (let i = index - 1; i >= 0; i--) {
    const { kind, path, from } = calls[i]
    if (!'crlumd'.includes(kind)) continue
    if (dirname(path) === dir || (kind === 'r' && dirname(from) === dir)) return i
  }
  return -1
}

/** @param inodes takes new files and their content; null when only names count */
function follow(files: Map<string, Inode>, dirs: Set<string>, call: Call, inodes: Set<Inode> | null): void {
  const { kind, path, from, offset, bytes, isDurable } = call
  const inode = files.get(path)
  if (kind === 'c' && inodes !== null) {
    const made = new Inode()
    inodes.add(made)
    files.set(path, made)
  } else if (kind === 'm') dirs.add(path)
  else if (kind === 'd') dirs.delete(path)
  else if (kind === 'u') files.delete(path)
  else if (kind === 'l') files.set(path, files.get(from) as Inode)
  else if (kind === 'r') move(files, dirs, from, path)
  else if (inodes === null || inode === undefined) return
  else if (kind === 'w') inode.change(offset, bytes, isDurable)
  else if (kind === 't') inode.change(offset, null, false)
  else if (kind === 's') inode.sync()
}

function move(files: Map<string, Inode>, dirs: Set<string>, from: string, to: string): void {
  const renamed = (path: string) => `${to}${path.slice(from.length)}`
  const isMoved = (path: string) => path === from || path.startsWith(`${from}/`)
  for (const [path, inode] of [...files].filter(([path]) => isMoved(path))) {
    files.delete(path)
    files.set(renamed(path), inode)
  }
  for (const path of [...dirs].filter(isMoved)) {
    dirs.delete(path)
    dirs.add(renamed(path))
  }
}
