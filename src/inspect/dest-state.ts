import { decode, MsgpackError } from '../bytes/msgpack.js'
import { MigrationError } from '../errors.js'
import { readCellGuid } from '../file/read-text.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { Hive } from '../slab/hive.js'
import { compareVersions, type Version, versionOf } from '../slab/version.js'
import type { SourceCortex } from '../source/cortex-dir.js'
import { is01xCortex } from '../source/no-cortex.js'

export type DestState =
  | { readonly kind: 'none' }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | {
      readonly kind: 'cortex'
      readonly guid: string | null
      /** The Synapse version that has been started on it, or null. */
      readonly booted: string | null
      /** Layers that are remote according to its hive: it is still a 0.1.x hive, or a layer was added since. */
      readonly remote: readonly string[]
    }

const FIRST_2X: Version = [0, 2, 0]

/** Classifies a destination directory by its cell slab. */
export function destState(destDir: string): DestState {
  const path = cortexPaths(destDir).slab('cell')
  try {
    if (!SlabReader.exists(path)) return { kind: 'none' }
    const slab = SlabReader.open(path)
    try {
      const hive = Hive.from(slab.db('hive')?.rows() ?? [])
      return {
        kind: 'cortex',
        guid: readCellGuid(destDir),
        booted: bootedVersion(slab, hive),
        remote: remoteLayers(hive),
      }
    } finally {
      slab.close()
    }
  } catch (error) {
    const isDamage = error instanceof MigrationError || error instanceof MsgpackError
    if (isDamage) return { kind: 'unreadable', reason: error.message }
    throw error
  }
}

/**
 * Checks that a destination was made from a source. Returns the Synapse version that has been started on it, or null.
 *
 * @param action what to refuse otherwise, such as `verify`
 * @param mayBeDamaged whether to accept a destination whose hive cannot be read
 * @throws {MigrationError} ERR_PREFLIGHT when it is from another source, or cannot be read
 */
export function assertDestOf(
  { dir, cellGuid, newer }: SourceCortex,
  destDir: string,
  action: string,
  mayBeDamaged = false,
): string | null {
  if (newer !== null) {
    const text = `Cannot ${action} "${destDir}" against "${dir}": the source is a Cortex of version ${newer} already`
    const isSwapped = is01xCortex(destDir)
    const hint = isSwapped
      ? `"${destDir}" holds a 0.1.x Cortex: swap the two directories`
      : 'Give the 0.1.x Cortex as --src'
    throw new MigrationError('ERR_PREFLIGHT', text, { hint })
  }
  const state = destState(destDir)
  const refused = (found: string, hint: string) =>
    new MigrationError('ERR_PREFLIGHT', `Cannot ${action} "${destDir}": ${found}`, { hint })
  if (state.kind === 'none') throw refused('there is no Cortex in it', 'give the directory of a migrated Cortex')
  if (state.kind === 'unreadable' && mayBeDamaged) return null
  if (state.kind === 'unreadable') throw refused(state.reason, 'restore it from a backup, or migrate again')
  if (state.guid !== cellGuid) {
    throw refused(
      state.guid
        ? `it belongs to the Cortex ${state.guid}, "${dir}" is ${cellGuid}`
        : 'its cell.guid is missing or empty',
      'give the source that it was made from',
    )
  }
  return state.booted
}

/**
 * A Cortex stores its own version when it starts; a migration keeps the source's. Releases up to 2.8 and far beyond
 * store it in the hive, 2.256 in a db that older ones do not have.
 */
function bootedVersion(slab: SlabReader, hive: Hive): string | null {
  const info = slab.db('cell:info')?.get(Buffer.from('synapse:version'))
  const inHive = hive.get(['cellinfo', 'synapse:version'])
  const version = versionOf(info === undefined ? inHive : decode(info))
  return version !== null && compareVersions(version, FIRST_2X) >= 0 ? version.join('.') : null
}

function remoteLayers(hive: Hive): string[] {
  const path = ['cortex', 'layers']
  return hive.children(path).filter((iden) => hive.get([...path, iden, 'type']) === 'remote')
}
