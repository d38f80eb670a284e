import { guid } from '../bytes/hash.js'
import { PackMap, pyEquals, type Value } from '../bytes/msgpack.js'
import { fieldOf } from '../bytes/value-parts.js'
import type { Hive, HivePath } from '../slab/hive.js'

/** Keeps the original 0.1.x tree. */
const BACKUP: HivePath = ['auth01x']
const ALL_ROLE = 'all'
const READ_VIEW: Rule = [true, ['view', 'read']]

type Rule = [Value, Value[]]

export interface AuthInput {
  /** Queues that have an owner, as `[name, user iden]`. */
  readonly queues: readonly (readonly [name: string, userIden: string])[]
  /** The Cortex's guid. We derive the iden of the new role "all" from it, so that every run makes the same one. */
  readonly cellGuid: string
}

export interface AuthOutcome {
  readonly warnings: readonly string[]
  /** `{[userIden, userName]: {[gateIden, gateType]: [allowed path …]}}`, `["admin"]` for admins. */
  readonly hierarchy: Value
}

interface User {
  readonly name: string | null
  readonly admin: boolean
  readonly rules: Value[]
  readonly roles: Value[]
}

interface Gate {
  readonly type: Value
  readonly users: Map<string, { admin: boolean; rules: Value[] }>
  readonly roles: Map<string, Value[]>
}

/**
 * Translates users, roles, rules and gates of a hive to 0.2.x in place: rules get their new paths, every user the role
 * "all", and every layer, trigger, queue and cron job its gate. Keeps the 0.1.x tree at `auth01x`; later runs start
 * from that. Translate triggers and cron jobs first.
 */
export function translateAuth(hive: Hive, input: AuthInput): AuthOutcome {
  if (!hive.has(BACKUP)) {
    if (!hive.has(['auth'])) hive.setNull(['auth'])
    hive.copyTree(['auth'], BACKUP)
  }
  const warnings: string[] = []
  const allIden = openAllRole(hive, input.cellGuid)
  for (const path of [['auth'], ['auth', 'authgates'], ['auth', 'roles'], ['auth', 'users']]) hive.setNull(path)
  translateRoles(hive)
  translateUsers(hive, allIden, warnings)
  translateGates(hive, warnings)
  addGates(hive, input, warnings)
  openDefaultView(hive, allIden, warnings)
  addRoot(hive, warnings)
  return { warnings, hierarchy: hierarchyOf(hive) }
}

/** The 0.2.x paths of a list of rules. A rule is `[allow, path]`; anything else stays unchanged. */
export function translateRules(rules: Value | undefined): Value[] {
  return Array.isArray(rules) ? rules.map(translateRule) : []
}

function translateRule(rule: Value): Value {
  if (!isRule(rule)) return rule
  const [allow, path] = rule
  const [first, ...rest] = path
  if (typeof first !== 'string') return rule
  if (first === 'storm' && rest.length > 0) return [allow, rest]
  if (first.startsWith('prop:') || first.startsWith('tag:')) return [allow, ['node', ...first.split(':'), ...rest]]
  if (first.startsWith('node:') || first.startsWith('layer:')) return [allow, [...first.split(':'), ...rest]]
  return rule
}

function isRule(rule: Value): rule is Rule {
  return Array.isArray(rule) && rule.length === 2 && Array.isArray(rule[1])
}

function openAllRole(hive: Hive, cellGuid: string): string {
  const roles: HivePath = ['auth', 'roles']
  const found = hive.children(roles).find((iden) => hive.get([...roles, iden]) === ALL_ROLE)
  if (found !== undefined) return found
  const iden = guid(['role', ALL_ROLE, cellGuid])
  hive.set([...roles, iden], ALL_ROLE)
  return iden
}

function translateRoles(hive: Hive): void {
  for (const iden of hive.children([...BACKUP, 'roles'])) {
    const rules = translateRules(hive.get([...BACKUP, 'roles', iden, 'rules']))
    if (rules.length > 0) hive.set(['auth', 'roles', iden, 'rules'], rules)
  }
}

function translateUsers(hive: Hive, allIden: string, warnings: string[]): void {
  const source: HivePath = [...BACKUP, 'users']
  for (const iden of hive.children(source)) {
    if (nameOf(hive, [...source, iden]) === null) {
      warnings.push(`Unable to match user iden to name: ${iden}`)
      continue
    }
    const user: HivePath = ['auth', 'users', iden]
    const held = asArray(hive.get([...source, iden, 'roles']))
    const roles = held.filter((role) => typeof role === 'string' && hive.has(['auth', 'roles', role]))
    for (const role of held) {
      if (!roles.includes(role))
        warnings.push(`Unable to match role iden to name: ${String(role)} role of user ${iden}`)
    }
    if (!roles.includes(allIden)) roles.push(allIden)
    hive.set([...user, 'roles'], roles)
    hive.set([...user, 'rules'], translateRules(hive.get([...source, iden, 'rules'])))
    for (const name of hive.children([...source, iden])) hive.setNull([...user, name])
  }
}

function translateGates(hive: Hive, warnings: string[]): void {
  const source: HivePath = [...BACKUP, 'authgates']
  for (const iden of hive.children(source)) {
    const gate: HivePath = ['auth', 'authgates', iden]
    const type = hive.get([...source, iden])
    hive.set(gate, type === 'layr' ? 'layer' : (type ?? null))
    for (const kind of ['roles', 'users'] as const) {
      hive.setNull([...gate, kind])
      for (const member of hive.children([...source, iden, kind])) {
        const from = [...source, iden, kind, member]
        const to = [...gate, kind, member]
        const name = nameOf(hive, ['auth', kind, member])
        if (name === null) {
          const what = kind === 'users' ? 'user' : 'role'
          warnings.push(`Unable to match ${what} iden to name: ${member} ${what} for ${iden}`)
          continue
        }
        hive.set(to, name)
        const rules = translateRules(hive.get([...from, 'rules']))
        if (rules.length > 0 || kind === 'users') hive.set([...to, 'rules'], rules)
      }
    }
  }
}

function addGates(hive: Hive, input: AuthInput, warnings: string[]): void {
  addGate(hive, 'cortex', 'cortex', [], warnings)
  for (const view of hive.children(['cortex', 'views'])) {
    for (const iden of hive.children(['cortex', 'views', view, 'triggers'])) {
      const owner = fieldOf(hive.get(['cortex', 'views', view, 'triggers', iden]), 'user')
      addGate(hive, iden, 'trigger', [owner], warnings)
    }
  }
  for (const [name, owner] of input.queues) addGate(hive, `queue:${name}`, 'queue', [owner], warnings)
  for (const iden of hive.children(['agenda', 'appts'])) {
    addGate(hive, iden, 'cronjob', [fieldOf(hive.get(['agenda', 'appts', iden]), 'creator')], warnings)
  }
}

function addGate(hive: Hive, iden: string, type: string, owners: (Value | undefined)[], warnings: string[]): void {
  const gate: HivePath = ['auth', 'authgates', iden]
  hive.set(gate, type)
  hive.setNull([...gate, 'roles'])
  hive.setNull([...gate, 'users'])
  for (const owner of owners) {
    const name = typeof owner === 'string' ? nameOf(hive, ['auth', 'users', owner]) : null
    if (typeof owner !== 'string' || name === null) {
      warnings.push(`Unable to match user iden to name: ${String(owner ?? null)} user for ${iden}`)
      continue
    }
    hive.set([...gate, 'users', owner], name)
    hive.set([...gate, 'users', owner, 'admin'], true)
  }
}

/**
 * 0.1.x lets every user read a view that nobody restricted. In 0.2.x the role "all" grants that, for the default view.
 */
function openDefaultView(hive: Hive, allIden: string, warnings: string[]): void {
  const view = hive.getText(['cellinfo', 'defaultview'])
  if (view === undefined) {
    warnings.push('The default view is unknown: nobody but admins may read it until the role "all" gets view.read')
    return
  }
  if (!hive.has(['auth', 'authgates', view])) addGate(hive, view, 'view', [], warnings)
  const role: HivePath = ['auth', 'authgates', view, 'roles', allIden]
  const rules = asArray(hive.get([...role, 'rules']))
  hive.set(role, ALL_ROLE)
  if (!rules.some((rule) => pyEquals(rule, READ_VIEW))) {
    hive.set([...role, 'rules'], [...rules, READ_VIEW])
  }
}

function addRoot(hive: Hive, warnings: string[]): void {
  const users = hive.children(['auth', 'users'])
  const root = users.find((iden) => hive.get(['auth', 'users', iden]) === 'root')
  if (root === undefined) {
    warnings.push('There is no user "root": nobody was made admin of the gates')
    return
  }
  for (const gate of hive.children(['auth', 'authgates'])) {
    const user: HivePath = ['auth', 'authgates', gate, 'users', root]
    if (gate === 'cortex' || hive.has(user)) continue
    hive.set(user, 'root')
    hive.set([...user, 'admin'], true)
  }
}

function hierarchyOf(hive: Hive): Value {
  const gates = hive.children(['auth', 'authgates']).map((iden) => [iden, readGate(hive, iden)] as const)
  const entries: [Value, Value][] = []
  for (const iden of hive.children(['auth', 'users'])) {
    const user = readUser(hive, iden)
    if (user.name === null) continue
    const perms = gates.map(([gateIden, gate]): [Value, Value] => [
      [gateIden, gate.type],
      gatePerms(hive, iden, user, gate),
    ])
    entries.push([[iden, user.name], new PackMap(perms)])
  }
  return new PackMap(entries)
}

function gatePerms(hive: Hive, userIden: string, user: User, gate: Gate): Value[] {
  if (user.admin || gate.users.get(userIden)?.admin === true) return [['admin']]
  const lists = [
    user.rules,
    ...user.roles.map((role) => asArray(hive.get(['auth', 'roles', String(role), 'rules']))),
    gate.users.get(userIden)?.rules ?? [],
    ...gate.roles.values(),
  ]
  const perms = new Map<string, Value>()
  for (const rule of lists.flat()) if (isRule(rule) && rule[0] === true) perms.set(guid(rule[1]), rule[1])
  return [...perms.values()]
}

function readUser(hive: Hive, iden: string): User {
  const path: HivePath = ['auth', 'users', iden]
  return {
    name: nameOf(hive, path),
    admin: hive.get([...path, 'admin']) === true,
    rules: asArray(hive.get([...path, 'rules'])),
    roles: asArray(hive.get([...path, 'roles'])),
  }
}

function readGate(hive: Hive, iden: string): Gate {
  const path: HivePath = ['auth', 'authgates', iden]
  const users: Gate['users'] = new Map()
  for (const user of hive.children([...path, 'users'])) {
    users.set(user, {
      admin: hive.get([...path, 'users', user, 'admin']) === true,
      rules: asArray(hive.get([...path, 'users', user, 'rules'])),
    })
  }
  const roles: Gate['roles'] = new Map()
  for (const role of hive.children([...path, 'roles'])) {
    roles.set(role, asArray(hive.get([...path, 'roles', role, 'rules'])))
  }
  return { type: hive.get(path) ?? null, users, roles }
}

function nameOf(hive: Hive, path: HivePath): string | null {
  return hive.getText(path) ?? null
}

function asArray(value: Value | undefined): Value[] {
  return Array.isArray(value) ? [...value] : []
}
