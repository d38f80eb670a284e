import { PackMap, type Value } from '../../bytes/msgpack.js'
import { TelepathError } from '../../telepath/errors.js'
import type { Caller, Generator, Method } from '../../telepath/shared.js'
import type { SyncService } from '../api.js'
import { errorValue, jsonValue, stateJson, statusValue } from '../status.js'
import type { Auth, User } from './auth.js'
import { stormPackage, stormServiceInfo } from './storm-package.js'

export type Methods = ReadonlyMap<string, Method<string> | Generator<string>>

/** What the methods of the service's only object need. Callers are user idens. */
export interface ApiParts {
  readonly service: SyncService
  readonly auth: Auth
  readonly cellIden: string
  readonly version: readonly number[]
  /** Sessions of the telepath server, for administrators. */
  readonly sessions: () => readonly { readonly peer: string; readonly user: string }[]
}

const CELL_TYPE = 'syncmigrator'

/** How many error records one call lists. */
const MOST_ERRORS = 100

/** All methods that clients may call: those of the sync, and simple ones that every cell has. */
export function apiMethods(parts: ApiParts): Methods {
  const methods = [...syncMethods(parts), ...cellMethods(parts)]
  return new Map(methods.map(([name, method]) => [name, unlockedOnly(parts.auth, method)]))
}

function syncMethods({ service, auth, version }: ApiParts): Map<string, Method<string>> {
  const admin = adminOnly(auth)
  const pairs = (starts: [string, number][]): Value => starts.map(([iden, offset]) => [iden, offset])
  return new Map<string, Method<string>>([
    ['getStormSvcInfo', { run: () => stormServiceInfo(version) }],
    ['getStormSvcPkgs', { run: () => [stormPackage(version)] }],
    // Storm passes the bare word True as the text "True", so any true value asks for the table.
    ['status', { params: ['pprint?'], run: (_, pprint) => statusValue(service.state(), isTrue(pprint)) }],
    ['notLookedAt', { run: () => [...service.state().notLookedAt] }],
    ['getSyncState', { run: async () => jsonValue(stateJson(await service.ask())) }],
    ['startSyncFromFile', admin({ run: async () => pairs(await service.startSyncFromFile()) })],
    ['startSyncFromLast', admin({ run: async () => pairs(await service.startSyncFromLast()) })],
    ['stopSync', admin({ run: () => service.stopSync() })],
    ['enableMigrationMode', admin({ run: () => service.enableMigrationMode() })],
    ['disableMigrationMode', admin({ run: () => service.disableMigrationMode() })],
    ['automaticMigrationMode', admin({ run: () => service.automaticMigrationMode() })],
    [
      'listErrors',
      {
        params: ['layer?', 'limit?'],
        run: (_, layer, limit) =>
          service.errors(textOf(layer), typeof limit === 'number' ? limit : MOST_ERRORS).map(errorValue),
      },
    ],
    [
      'retryErrors',
      admin({ params: ['layer?'], run: async (_, layer) => jsonValue(await service.retryErrors(textOf(layer))) }),
    ],
  ])
}

function cellMethods({ auth, cellIden, sessions }: ApiParts): Map<string, Method<string>> {
  const admin = adminOnly(auth)
  const pack = (user: User | undefined): Value => (user ? auth.pack(user) : null)
  const iden = (value: Value | undefined) => auth.must(value).iden
  return new Map<string, Method<string>>([
    ['getCellType', { run: () => CELL_TYPE }],
    ['getCellIden', { run: () => cellIden }],
    ['getCellUser', { run: ({ user }) => pack(auth.must(user)) }],
    ['allowed', { params: ['perm', 'default?'], run: ({ user }) => auth.must(user).admin }],
    ['getHealthCheck', { run: () => healthCheck(cellIden) }],
    ['ps', { run: () => [] }],
    ['kill', { params: ['iden'], run: () => false }],
    ['getDmonSessions', admin({ run: () => jsonValue(sessions()) })],
    ['getAuthUsers', admin({ params: ['archived?'], run: (_, all) => listed(auth, isTrue(all)).map(pack) })],
    ['getUserDefs', admin({ run: () => auth.users().map(pack) })],
    ['getUserDef', admin({ params: ['iden'], run: (_, each) => pack(auth.must(each)) })],
    ['getUserDefByName', admin({ params: ['name'], run: (_, name) => pack(auth.byName(String(name))) })],
    ['getUserInfo', { params: ['name'], run: ({ user }, name) => userInfo(auth, user, name) }],
    ['tryUserPasswd', admin({ params: ['name', 'passwd'], run: (_, name, passwd) => tryPasswd(auth, name, passwd) })],
    [
      'addUser',
      admin({
        params: ['name', 'passwd?', 'email?'],
        run: (_, name, passwd, email) => pack(auth.add(name, passwd, email)),
      }),
    ],
    ['delUser', admin({ params: ['iden'], run: (_, each) => auth.remove(iden(each)) ?? null })],
    [
      'setUserPasswd',
      {
        params: ['iden', 'passwd'],
        run: ({ user }, each, passwd) => {
          if (iden(each) !== user) mustBeAdmin(auth, user)
          auth.setPasswd(iden(each), passwd)
          return true
        },
      },
    ],
    ['setUserAdmin', admin(flagSetter(auth, 'admin'))],
    ['setUserLocked', admin(flagSetter(auth, 'locked'))],
    ['setUserArchived', admin(flagSetter(auth, 'archived'))],
    [
      'setUserEmail',
      admin({
        params: ['iden', 'email'],
        run: (_, each, email) => auth.setInfo(iden(each), { email: textOf(email) ?? null }) ?? null,
      }),
    ],
  ])
}

/** A session outlives changes to its user, so we check each call: deleted or locked users are out at once. */
function unlockedOnly(auth: Auth, method: Method<string>): Method<string> {
  return {
    ...method,
    run: (caller: Caller<string>, ...args) => {
      const { locked, name } = auth.must(caller.user)
      if (locked) throw TelepathError.of('AuthDeny', { mesg: 'User is locked.', user: name })
      return method.run(caller, ...args)
    },
  }
}

/** Wraps a method so that only administrators may call it. */
function adminOnly(auth: Auth): (method: Method<string>) => Method<string> {
  return (method) => ({
    ...method,
    run: (caller: Caller<string>, ...args) => {
      mustBeAdmin(auth, caller.user)
      return method.run(caller, ...args)
    },
  })
}

function mustBeAdmin(auth: Auth, iden: string): void {
  const user = auth.must(iden)
  if (user.admin) return
  throw TelepathError.of('AuthDeny', { mesg: 'User is not an admin.', user: user.name })
}

function flagSetter(auth: Auth, flag: 'admin' | 'locked' | 'archived'): Method<string> {
  return {
    params: ['iden', flag],
    run: (_, iden, value) => {
      auth.setInfo(auth.must(iden).iden, { [flag]: isTrue(value) })
      return null
    },
  }
}

function listed(auth: Auth, archived: boolean): User[] {
  return auth.users().filter((user) => archived || !user.archived)
}

function userInfo(auth: Auth, caller: string, name: Value | undefined): Value {
  const user = auth.byName(String(name))
  if (!user) throw TelepathError.of('NoSuchUser', { mesg: `No user named ${name}.` })
  if (user.iden !== caller) mustBeAdmin(auth, caller)
  return auth.pack(user)
}

function tryPasswd(auth: Auth, name: Value | undefined, passwd: Value | undefined): Value {
  const user = auth.byName(String(name))
  return user && auth.tryPasswd(user, passwd ?? null) ? auth.pack(user) : null
}

/** A cell that answers is healthy; the status shows how the sync is doing. */
function healthCheck(cellIden: string): Value {
  return new PackMap([
    ['iden', cellIden],
    ['components', []],
    ['status', 'nominal'],
  ])
}

/** Python's truth of a value. */
function isTrue(value: Value | undefined): boolean {
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0
  if (value instanceof PackMap) return value.entries.length > 0
  return Boolean(value)
}

function textOf(value: Value | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
