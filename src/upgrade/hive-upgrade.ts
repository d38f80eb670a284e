import { guid } from '../bytes/hash.js'
import { decode, encode, PackMap, type Value } from '../bytes/msgpack.js'
import type { Hive } from '../slab/hive.js'
import type { RowStore } from '../slab/slab.js'

/** The release whose upgrade we imitate. */
const RELEASE = [0, 1, 58]

/** A row of the slab that held users and roles before they moved to the hive: its key and content. */
export interface OldAuthRow {
  readonly name: string
  readonly info: PackMap
}

export interface OldAuth {
  readonly users: readonly OldAuthRow[]
  readonly roles: readonly OldAuthRow[]
}

export interface HiveUpgradeInput {
  readonly cellIden: string
  readonly hive: Hive
  readonly triggers: RowStore
  /** From the `auth` directory; null when there is none. */
  readonly oldAuth: OldAuth | null
  /** Whether there is a layer from before the hive listed layers. */
  readonly hasFirstLayer: boolean
}

/** What the upgrade of a hive changed. */
export interface HiveUpgrade {
  /** The layer's iden before and after, if it had the Cortex's own iden. */
  readonly renamedLayer: { readonly from: string; readonly to: string } | null
  /** One line for each change. */
  readonly changes: readonly string[]
}

/**
 * Changes the hive and the triggers of an old Cortex as the first start of 0.1.58 would. Derives new idens from the
 * Cortex's own, so that every run makes the same ones.
 */
export function upgradeHive(input: HiveUpgradeInput): HiveUpgrade {
  const { hive, oldAuth } = input
  const changes: string[] = []
  if (oldAuth !== null) {
    takeOldAuth(input, oldAuth)
    changes.push(
      `${oldAuth.users.length} users and ${oldAuth.roles.length} roles of the "auth" directory move to the hive`,
    )
  }
  if (ensureRoot(input)) changes.push('the user "root" is added')
  const hadViews = hive.children(['cortex', 'views']).length > 0
  if (!hadViews && input.hasFirstLayer) {
    addFirstView(input)
    changes.push('the layer, which no view of the hive names, gets a view')
  }
  const renamedLayer = uniqueIdens(input)
  if (renamedLayer !== null) {
    changes.push(`the layer and the view that have the iden of the Cortex get idens of their own (${renamedLayer.to})`)
  }
  const triggers = upgradeTriggers(input)
  if (triggers > 0) changes.push(`${triggers} triggers are stored in the way of today`)
  addGates(hive)
  for (const name of ['cortex:version', 'synapse:version']) hive.set(['cellinfo', name], [...RELEASE])
  return { renamedLayer, changes }
}

/** Whether the hive is older than the one that 0.1.58 creates on its first start. */
export function isOldHive(hive: Hive): boolean {
  return hive.get(['cellinfo', 'defaultview']) === undefined
}

function takeOldAuth({ cellIden, hive }: HiveUpgradeInput, { users, roles }: OldAuth): void {
  for (const { name, info } of roles) {
    const iden = idenOf(hive, cellIden, 'roles', name)
    hive.set(['auth', 'roles', iden, 'rules'], info.get('rules') ?? [])
  }
  for (const { name, info } of users) {
    const iden = idenOf(hive, cellIden, 'users', name)
    const path = ['auth', 'users', iden]
    for (const flag of ['admin', 'locked']) if (isTrue(info.get(flag))) hive.set([...path, flag], true)
    const shadow = info.get('shadow') ?? null
    if (shadow !== null) hive.set([...path, 'passwd'], shadow)
    hive.set([...path, 'rules'], info.get('rules') ?? [])
    const granted = info.get('roles')
    if (!Array.isArray(granted) || granted.length === 0) continue
    const idens = granted.map((role) => idenOf(hive, cellIden, 'roles', String(role)))
    const had = hive.get([...path, 'roles'])
    hive.set([...path, 'roles'], [...new Set([...(Array.isArray(had) ? had : []), ...idens])])
  }
}

/** The iden of a user or role; adds it if there is none of that name. */
function idenOf(hive: Hive, cellIden: string, kind: 'users' | 'roles', name: string): string {
  const known = hive.children(['auth', kind]).find((iden) => hive.get(['auth', kind, iden]) === name)
  if (known !== undefined) return known
  const iden = newIden(cellIden, kind, name)
  hive.set(['auth', kind, iden], name)
  return iden
}

function ensureRoot({ hive, cellIden }: HiveUpgradeInput): boolean {
  const had = hive.children(['auth', 'users']).some((iden) => hive.get(['auth', 'users', iden]) === 'root')
  const path = ['auth', 'users', idenOf(hive, cellIden, 'users', 'root')]
  hive.set([...path, 'admin'], true)
  hive.set([...path, 'locked'], false)
  return !had
}

/** What 0.1.0 does when it starts on a Cortex that has no views yet. */
function addFirstView({ hive, cellIden }: HiveUpgradeInput): void {
  const layer = ['cortex', 'layers', cellIden]
  for (const [name, value] of [
    ['type', 'lmdb'],
    ['owner', 'root'],
    ['name', '??'],
  ] as const) {
    if (hive.get([...layer, name]) === undefined) hive.set([...layer, name], value)
  }
  hive.set(['cortex', 'views', cellIden, 'layers'], [cellIden])
  hive.set(['cortex', 'views', cellIden, 'owner'], 'root')
}

function uniqueIdens({ hive, cellIden }: HiveUpgradeInput): HiveUpgrade['renamedLayer'] {
  if (hive.get(['cellinfo', 'defaultview']) !== undefined) return null
  if (!hive.has(['cortex', 'views', cellIden])) return null
  const view = newIden(cellIden, 'view', '')
  const layer = newIden(cellIden, 'layer', '')
  hive.copyTree(['cortex', 'views', cellIden], ['cortex', 'views', view])
  hive.remove(['cortex', 'views', cellIden])
  hive.copyTree(['cortex', 'layers', cellIden], ['cortex', 'layers', layer])
  hive.remove(['cortex', 'layers', cellIden])
  for (const iden of hive.children(['cortex', 'views'])) {
    const path = ['cortex', 'views', iden, 'layers']
    const layers = hive.get(path)
    if (Array.isArray(layers))
      hive.set(
        path,
        layers.map((name) => (name === cellIden ? layer : name)),
      )
  }
  hive.set(['cellinfo', 'defaultview'], view)
  return { from: cellIden, to: layer }
}

/** Rules used to name their user, and their iden was bytes; later ones named the view by its old iden. */
function upgradeTriggers({ hive, triggers, cellIden }: HiveUpgradeInput): number {
  let changed = 0
  for (const { key, value } of [...triggers.rows()]) {
    const rule = mapOf(value)
    if (rule === null) continue
    let newKey = key
    const entries = new Map(rule.entries)
    if (entries.get('ver') === 0) {
      const user = userIden(hive, entries.get('user'))
      if (user === null) continue
      entries.delete('user')
      entries.set('ver', 1)
      entries.set('useriden', user)
      newKey = Buffer.from(Buffer.from(key).toString('hex'))
    }
    const view = hive.getText(['cellinfo', 'defaultview'])
    if (entries.get('viewiden') === cellIden && view !== undefined) {
      entries.delete('viewiden')
      entries.set('viewiden', view)
    } else if (newKey === key) continue
    changed++
    if (newKey !== key) triggers.delete(key)
    triggers.put(newKey, encode(new PackMap([...entries])))
  }
  return changed
}

function userIden(hive: Hive, name: Value | undefined): string | null {
  const users = hive.children(['auth', 'users'])
  return users.find((iden) => name !== undefined && hive.get(['auth', 'users', iden]) === name) ?? null
}

function addGates(hive: Hive): void {
  for (const [kind, type] of [
    ['layers', 'layr'],
    ['views', 'view'],
  ] as const) {
    for (const iden of hive.children(['cortex', kind])) {
      const path = ['auth', 'authgates', iden]
      if (hive.get(path) === undefined) hive.set(path, type)
    }
  }
}

function newIden(cellIden: string, kind: string, name: string): string {
  return guid(['synapse-migrator', cellIden, kind, name])
}

function isTrue(value: Value | undefined): boolean {
  return value === true || (typeof value === 'number' && value !== 0)
}

function mapOf(value: Uint8Array): PackMap | null {
  try {
    const found = decode(value)
    return found instanceof PackMap ? found : null
  } catch {
    return null
  }
}
