import type { Value } from '../../bytes/msgpack.js'
import { type Check, type Finding, warning } from '../check.js'

/** 0.1.x stores the names of owners; 2.x needs them to be users. */
export const owners: Check = ({ source: { hive } }) => {
  const users = new Set<Value>(
    hive.children(['auth', 'users']).map((iden) => hive.get(['auth', 'users', iden]) ?? null),
  )
  const found: Finding[] = []
  if (!users.has('root')) {
    found.push(warning('There is no user "root"', 'Start and stop the 0.1.x Cortex once, which makes it'))
  }
  for (const kind of ['layers', 'views'] as const) {
    for (const iden of hive.children(['cortex', kind])) {
      const owner = hive.get(['cortex', kind, iden, 'owner']) ?? null
      if (owner === null || users.has(owner)) continue
      const text = `The owner of ${kind.slice(0, -1)} ${iden}, ${String(owner)}, is not a user: root becomes its creator`
      found.push(warning(text, 'Nothing needs to be done'))
    }
  }
  return found
}
