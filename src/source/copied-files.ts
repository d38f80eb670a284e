import { readdirSync } from 'node:fs'
import { atPath, quoted, readHint, whyUnreadable } from '../file/at-path.js'
import { type FileId, fileId } from '../file/file-id.js'
import { joinPath } from '../file/remove-tree.js'

/** One thing of a Cortex directory beside its layers, links followed. */
export interface CopiedFile {
  /** A slab stands for all that it holds. */
  readonly kind: 'directory' | 'file' | 'slab'
  readonly path: Buffer
  /** Names from the Cortex directory down; they need not be UTF-8. */
  readonly names: readonly Buffer[]
}

/** Something that cannot be copied. `lost`: the Cortex would lack it; `left out`: a warning will do. */
export interface NotCopied {
  readonly kind: 'lost' | 'left out'
  readonly path: Buffer
  readonly reason: string
  readonly hint: string
}

/** Whose absence a Cortex would not survive, or would not notice, which is worse. */
const KEPT = new Set(['cell.guid', 'cell.yaml', 'boot.yaml', 'slabs', 'axon'])

/**
 * Lists all that lies in a Cortex directory beside its layers: each directory before what it holds, names in the order of
 * their bytes. Temporary files and sockets that 0.1.x makes again are not listed.
 */
export function* copiedFiles(dir: string): Generator<CopiedFile | NotCopied> {
  const path = Buffer.from(dir)
  const found = atPath(path)
  if (found.kind === 'directory') yield* inDirectory(path, [], [fileId(path)])
}

/** @param above the directory and those that it lies in */
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
  // Gone meanwhile, or a socket or pipe, which holds nothing.
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
  // It would never come to an end.
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

/** A directory of a slab without its data is a directory like any other. */
function isSlab(path: Buffer, names: readonly Buffer[]): boolean {
  const isNamedSo = names.length > 1 && names[names.length - 1].toString('latin1').endsWith('.lmdb')
  return isNamedSo && atPath(joinPath(path, 'data.mdb')).kind !== 'absent'
}

function isKept(names: readonly Buffer[]): boolean {
  return KEPT.has(names[0].toString()) || names[names.length - 1].toString('latin1').endsWith('.lmdb')
}

/** Layers are migrated, not copied; 0.1.x makes sockets again when it starts, and `tmp` beside slabs. */
function isMadeAnew(names: readonly Buffer[]): boolean {
  const [top, name] = [names[0].toString('latin1'), names[names.length - 1].toString('latin1')]
  if (names.length === 1) return top === 'layers'
  return name === (top.endsWith('axon') || top.endsWith('slabs') ? 'tmp' : 'sock')
}
