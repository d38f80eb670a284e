import { statSync } from 'node:fs'
import { join } from 'node:path'
import { atPath } from '../../file/at-path.js'
import { cortexPaths } from '../../layout/paths.js'
import { SOURCE_SLABS } from '../../layout/source-layer.js'
import { type Check, warning } from '../check.js'

/**
 * A wrong link makes a layer out of the slab of another one: it can be read, and nothing else would say that what was in
 * the layer is not there. Copies that a tool has joined to one file look the same and are right.
 */
export const sharedSlabs: Check = ({ source, layers }) => {
  const users = new Map<string, { iden: string; slab: string }[]>()
  for (const { iden } of layers) {
    for (const slab of SOURCE_SLABS) {
      const path = join(cortexPaths(source.dir).layer(iden).slab(slab), 'data.mdb')
      if (atPath(path).kind !== 'file') continue
      // Inode numbers of some file systems need all of their 64 bits.
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
