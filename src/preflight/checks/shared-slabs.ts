import { statSync } from 'node:fs'
import { join } from 'node:path'
import { atPath } from '../../file/at-path.js'
import { cortexPaths } from '../../layout/paths.js'
import { SOURCE_SLABS } from '../../layout/source-layer.js'
import { type Check, warning } from '../check.js'

/**
 * Two layers that share one slab, perhaps through a wrong link. The slab is readable, so nothing else would report that
 * a layer's own data is missing. It can also be correct, when a tool has joined two equal copies to one file.
 */
export const sharedSlabs: Check = ({ source, layers }) => {
  const users = new Map<string, { iden: string; slab: string }[]>()
  for (const { iden } of layers) {
    for (const slab of SOURCE_SLABS) {
      const path = join(cortexPaths(source.dir).layer(iden).slab(slab), 'data.mdb')
      if (atPath(path).kind !== 'file') continue
      // Some file systems use all 64 bits of an inode number.
      const { dev, ino } = statSync(path, { bigint: true })
      const file = `${dev} ${ino}`
      users.set(file, [...(users.get(file) ?? []), { iden, slab }])
    }
  }
  return [...users.values()]
    .filter(({ length }) => length > 1)
    .map((shared) => {
      const names = shared.map(({ iden, slab }) => `${slab}.lmdb of layer ${iden}`).join(' and ')
      return warning(
        `${names} are one file: each is migrated with all that is in it`,
        'If that is a wrong link, correct it',
      )
    })
}
