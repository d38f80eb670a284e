import { randomBytes, timingSafeEqual } from 'node:crypto'
import { guid } from '../../bytes/hash.js'
import { PackMap, pyEquals, type Value } from '../../bytes/msgpack.js'
import { TelepathError } from '../../telepath/errors.js'
import type { Hive } from './hive.js'

/** A user of the service, with what we may show. */
export interface User {
  readonly iden: string
  readonly name: string
  readonly admin: boolean
  readonly locked: boolean
  readonly archived: boolean
}

const USERS = ['auth', 'users']
const ROLES = ['auth', 'roles']

/**
 * Users of a cell as Synapse stores them in its hive: `auth/users/<iden>` is the name; below it are `admin`, `locked`,
 * `passwd` ([salt, md5 of the packed pair of salt and password]), `roles`, `rules`, `email`, `archived`. Only admin and
 * locked decide what a user may do here. We store and show roles and rules, but do not check them.
 */
export class Auth {
  constructor(private readonly hive: Hive) {
    const all = this.idenOf(ROLES, 'all') ?? newIden()
    const root = this.idenOf(USERS, 'root')
    if (!this.idenOf(ROLES, 'all')) hive.set([[[...ROLES, all], 'all']])
    if (!root) this.create('root')
    // As in Synapse, locking or demoting root lasts only until the next start.
    this.set(this.root.iden, { admin: true, locked: false })
  }

  get root(): User {
    return this.byName('root') as User
  }

  byName(name: string): User | undefined {
    const iden = this.idenOf(USERS, name)
    return iden === undefined ? undefined : this.byIden(iden)
  }

  byIden(iden: string): User | undefined {
    const name = this.hive.get([...USERS, iden])
    if (typeof name !== 'string') return undefined
    const flag = (key: string) => this.hive.get([...USERS, iden, key]) === true
    return { iden, name, admin: flag('admin'), locked: flag('locked'), archived: flag('archived') }
  }

  users(): User[] {
    return this.hive.names(USERS).flatMap((iden) => this.byIden(iden) ?? [])
  }

  /** @throws {TelepathError} NoSuchUser */
  must(iden: Value | undefined): User {
    const user = typeof iden === 'string' ? this.byIden(iden) : undefined
    if (!user) throw TelepathError.of('NoSuchUser', { mesg: `No user with iden ${iden}.` })
    return user
  }

  /** @throws {TelepathError} NoSuchUser; AuthDeny when the password is wrong or the user locked */
  login(name: string, passwd: Value): User {
    const user = this.byName(name)
    if (!user) throw TelepathError.of('NoSuchUser', { name, mesg: `No such user: ${name}.` })
    if (!this.tryPasswd(user, passwd)) throw TelepathError.of('AuthDeny', { mesg: 'Invalid password', user: name })
    return user
  }

  tryPasswd(user: User, passwd: Value): boolean {
    const shadow = this.hive.get([...USERS, user.iden, 'passwd'])
    if (user.locked || typeof passwd !== 'string' || !Array.isArray(shadow) || typeof shadow[1] !== 'string')
      return false
    const given = Buffer.from(guid([shadow[0], passwd]))
    const wanted = Buffer.from(shadow[1])
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }

  /** @throws {TelepathError} BadArg for an empty password */
  setPasswd(iden: string, passwd: Value | undefined): void {
    if (typeof passwd !== 'string' || passwd === '') {
      throw TelepathError.of('BadArg', { mesg: 'Password must be a string' })
    }
    const salt = newIden()
    this.set(iden, { passwd: [salt, guid([salt, passwd])] })
  }

  /** @throws {TelepathError} DupUserName, BadArg */
  add(name: Value | undefined, passwd: Value | undefined, email: Value | undefined): User {
    if (typeof name !== 'string' || name === '') throw TelepathError.of('BadArg', { mesg: 'A user needs a name' })
    if (this.byName(name)) throw TelepathError.of('DupUserName', { name })
    const iden = this.create(name)
    if (passwd !== undefined && passwd !== null) this.setPasswd(iden, passwd)
    if (typeof email === 'string') this.set(iden, { email })
    return this.must(iden)
  }

  remove(iden: string): void {
    if (iden === this.root.iden) throw TelepathError.of('CantDelRootUser', { mesg: 'user "root" may not be deleted!' })
    this.hive.pop([...USERS, iden])
  }

  setInfo(iden: string, info: { admin?: boolean; locked?: boolean; archived?: boolean; email?: string | null }): void {
    this.set(iden, info)
  }

  /** A user in Synapse's format, without its password. */
  pack(user: User): PackMap {
    const stored = (key: string, absent: Value) => this.hive.get([...USERS, user.iden, key]) ?? absent
    return new PackMap([
      ['type', 'user'],
      ['iden', user.iden],
      ['name', user.name],
      ['rules', stored('rules', [])],
      ['roles', stored('roles', [])],
      ['admin', user.admin],
      ['email', stored('email', null)],
      ['locked', user.locked],
      ['archived', user.archived],
      ['authgates', new PackMap([])],
    ])
  }

  private create(name: string): string {
    const iden = newIden()
    const all = this.idenOf(ROLES, 'all')
    this.hive.set([
      [[...USERS, iden], name],
      [[...USERS, iden, 'roles'], all === undefined ? [] : [all]],
    ])
    return iden
  }

  private set(iden: string, info: Record<string, Value>): void {
    const changed = Object.entries(info).filter(([key, value]) => !isSame(this.hive.get([...USERS, iden, key]), value))
    if (changed.length > 0) this.hive.set(changed.map(([key, value]) => [[...USERS, iden, key], value]))
  }

  private idenOf(path: readonly string[], name: string): string | undefined {
    return this.hive.names(path).find((iden) => this.hive.get([...path, iden]) === name)
  }
}

function isSame(old: Value | undefined, value: Value): boolean {
  return old !== undefined && pyEquals(old, value)
}

/** A random iden, 32 hex digits. */
export function newIden(): string {
  return randomBytes(16).toString('hex')
}
