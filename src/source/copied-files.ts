import { readdirSync } from 'node:fs'
import { atPath, quoted, readHint, whyUnreadable } from '../file/at-path.js'
import { type FileId, fileId } from '../file/file-id.js'
import { joinPath } from '../file/remove-tree.js'

/** A file, directory or slab of a Cortex directory outside of its layers, with links followed. */
export interface CopiedFile {
  /** A slab includes everything in its directory. */
  readonly kind: 'directory' | 'file' | 'slab'
  readonly path: Buffer
  /** Names from the Cortex directory down; they may not be UTF-8. */
  readonly names: readonly Buffer[]
}

/** Something that we cannot copy. `lost`: the Cortex would lack it; `left out`: a warning is enough. */
export interface NotCopied {
  readonly kind: 'lost' | 'left out'
  readonly path: Buffer
  readonly reason: string
  readonly hint: string
}

/** Without these a Cortex does not start, or, worse, starts and does not notice. */
const KEPT = new Set(['cell.guid', 'cell.yaml', 'boot.yaml', 'slabs', 'axon'])

/**
 * Lists everything in a Cortex directory outside of its layers: a directory before its content, names in byte order.
 * Skips temporary files and sockets, which 0.1.x recreates.
 */
export function* copiedFiles(dir: string): Generator<CopiedFile | NotCopied> {
  const path = Buffer.from(dir)
  const found = atPath(path)
  if (found.kind === 'directory') yield* inDirectory(path, [], [fileId(path)])
}

/** @param above this directory and its parents */
function* inDirectory(
  dir: Buffer,
  names: readonly Buffer[],
  above: readonly FileId[],
): Generator<CopiedFile | NotCopied> {
  for (const name of readdirSync(dir, { encoding: 'buffer' }).sort(Buffer.compare)) {
    const below = [...names, name]
    if (!isMadeAnew(below)) yield* entry(joinPath(dir, name), below, above)
  }
}

function* entry(path: Buffer, names: readonly Buffer[], above: readonly FileId[]): Generator<CopiedFile | NotCopied> {
  const found = atPath(path)
  // It has gone in the meantime, or is a socket or pipe, which holds nothing to copy.
  if (found.kind === 'absent' || found.kind === 'other') return
  if (found.kind === 'unreachable') {
    const { why, reason, hint } = found
    yield { kind: why === 'link' && !isKept(names) ? 'left out' : 'lost', path, reason, hint }
    return
  }
  const unreadable = whyUnreadable(path)
  if (unreadable !== null) {
    yield { kind: 'lost', path, reason: unreadable, hint: readHint(path) }
    return
  }
  if (found.kind === 'file') {
    yield { kind: 'file', path, names }
    return
  }
  if (isSlab(path, names)) {
    yield* slab(path, names)
    return
  }
  const id = fileId(path)
  // A link into its own parents would go on forever.
  if (above.some(({ dev, inode }) => dev === id.dev && inode === id.inode)) {
    const reason = `${quoted(path)} is a link to a directory that it lies in`
    yield { kind: 'left out', path, reason, hint: 'Nothing needs to be done: it holds nothing of its own' }
    return
  }
  yield { kind: 'directory', path, names }
  yield* inDirectory(path, names, [...above, id])
}

function* slab(path: Buffer, names: readonly Buffer[]): Generator<CopiedFile | NotCopied> {
  const data = joinPath(path, 'data.mdb')
  const found = atPath(data)
  const unreadable = whyUnreadable(data)
  if (unreadable === null) yield { kind: 'slab', path, names }
  else
    yield {
      kind: 'lost',
      path: data,
      reason: unreadable,
      hint: found.kind === 'unreachable' ? found.hint : readHint(data),
    }
}

/** A slab's directory without its data is an ordinary directory. */
function isSlab(path: Buffer, names: readonly Buffer[]): boolean {
  const isNamedSo = names.length > 1 && names[names.length - 1].toString('latin1').endsWith('.lmdb')
  return isNamedSo && atPath(joinPath(path, 'data.mdb')).kind !== 'absent'
}

function isKept(names: readonly Buffer[]): boolean {
  return KEPT.has(names[0].toString()) || names[names.length - 1].toString('latin1').endsWith('.lmdb')
}

/** We migrate layers instead of copying them. 0.1.x recreates sockets, and `tmp` beside slabs, when it starts. */
function isMadeAnew(names: readonly Buffer[]): boolean {
  const [top, name] = [names[0].toString('latin1'), names[names.length - 1].toString('latin1')]
  if (names.length === 1) return top === 'layers'
  return name === (top.endsWith('axon') || top.endsWith('slabs') ? 'tmp' : 'sock')
}
