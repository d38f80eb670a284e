import { join } from 'node:path'
import type { Value } from '../../bytes/msgpack.js'
import { MigrationError } from '../../errors.js'
import { Slab } from '../../slab/slab.js'
import { resolveUrl } from '../../telepath/aliases.js'
import { BadUrl, TelepathError } from '../../telepath/errors.js'
import { addressOf } from '../../telepath/guest-list.js'
import { TelepathServer } from '../../telepath/server.js'
import type { Shared } from '../../telepath/shared.js'
import { showUrl, type TelepathUrl } from '../../telepath/url.js'
import type { CreateSyncService, OpenCortex, SyncLog, SyncService } from '../api.js'
import { type HttpsAddress, StatusServer } from '../http/status-server.js'
import { apiMethods, type Methods } from './api-methods.js'
import { Auth, type User } from './auth.js'
import type { CellDir } from './cell-dir.js'
import type { CellConfig } from './config.js'
import { Hive } from './hive.js'
import { Logins } from './logins.js'
import { LmdbOffsetStore } from './offset-store.js'
import { SERVICE_NAME } from './storm-package.js'

/** The Synapse version whose interface we offer. Handshakes announce it, and Cortexes expect major version 2. */
const SYNAPSE_VERSION = [2, 0, 0] as const

/** The class chain that clients see. A Cortex treats a class that ends in `StormSvc` as a Storm service. */
const CLASSES = [
  'synapse.tools.sync_020.SyncMigratorApi',
  'synapse.lib.stormsvc.StormSvc',
  'synapse.lib.cell.CellApi',
  'synapse.lib.base.Base',
]

export interface CellOptions {
  readonly dir: CellDir
  readonly config: Omit<CellConfig, 'messageBytes'>
  /** Where to listen for telepath. */
  readonly telepath: string
  /** Where to put the status page; null: nowhere. */
  readonly https: HttpsAddress | null
  readonly name: string | undefined
  readonly version: readonly number[]
  readonly log: SyncLog
  readonly openCortex: OpenCortex
  readonly createSyncService: CreateSyncService
}

/** The sync service with everything around it: state, users, telepath, status page. */
export class SyncCell {
  readonly auth: Auth
  private readonly logins: Logins
  private readonly slabs: readonly Slab[]
  private readonly store: LmdbOffsetStore
  private readonly telepath: TelepathServer<string>
  private readonly options: CellOptions
  private http: StatusServer | null = null
  private startedService: SyncService | null = null
  private methods: Methods = new Map()
  private telepathPort: number | null = null
  private fail: (error: unknown) => void = () => {}
  /** Rejects when the service cannot go on, for example because it cannot write its state. */
  readonly failed: Promise<never>

  /**
   * Opens the state, starts to listen, and only then resumes what an earlier process was doing.
   *
   * @throws {MigrationError} ERR_CONFIG when it cannot listen at a url or port; everything is closed again then
   */
  static async open(options: CellOptions): Promise<SyncCell> {
    const slabs: Slab[] = []
    let cell: SyncCell
    try {
      for (const path of [options.dir.cellSlab, options.dir.syncSlab]) slabs.push(await Slab.open(path))
      cell = new SyncCell(options, slabs)
    } catch (error) {
      for (const slab of slabs) await slab.close()
      options.dir.lock.release()
      throw error
    }
    try {
      await cell.listen()
    } catch (error) {
      await cell.close()
      throw error
    }
    cell.start()
    return cell
  }

  private constructor(options: CellOptions, slabs: readonly Slab[]) {
    this.options = options
    this.slabs = slabs
    this.failed = new Promise((_, reject) => {
      this.fail = reject
    })
    this.failed.catch(() => {})
    options.dir.lock.lost.catch((error) => this.fail(error))
    const hive = new Hive(slabs[0])
    this.auth = new Auth(hive)
    this.logins = new Logins(this.auth, options.log)
    if (options.config.authPasswd !== undefined) this.auth.setPasswd(this.auth.root.iden, options.config.authPasswd)
    this.store = new LmdbOffsetStore(slabs[1], hive, (error) => this.fail(error))
    this.telepath = new TelepathServer<string>({
      hasShare: (share) => share === '*' || share === options.name,
      authenticate: async (auth, { unix, socket }) =>
        (unix ? this.local(auth) : await this.remote(auth, addressOf(socket))).iden,
      open: (_, path) => this.shared(path),
      certDirs: [join(options.dir.path, 'certs')],
      log: (level, message, cause) => {
        if (level === 'error') options.log.error(message, cause)
        else options.log[level](message)
      },
    })
  }

  get service(): SyncService {
    if (!this.startedService) throw TelepathError.of('NotReady', { mesg: `${SERVICE_NAME} is starting` })
    return this.startedService
  }

  /** The telepath port, or null for a unix socket; the port of the status page, or null without one. */
  get ports(): { readonly telepath: number | null; readonly https: number | null } {
    return { telepath: this.telepathPort, https: this.http?.port ?? null }
  }

  /** Ends the sync at a safe point, then everything else. */
  async close(): Promise<void> {
    await this.startedService?.close()
    await this.http?.close()
    await this.telepath.close()
    await this.store.flush().catch(() => {})
    for (const slab of this.slabs) await slab.close()
    this.options.dir.lock.release()
  }

  private async listen(): Promise<void> {
    const { dir, https, log, telepath } = this.options
    if (https !== null) {
      this.http = await StatusServer.listen({
        at: https,
        dir,
        logins: this.logins,
        state: () => this.service.ask(),
        log,
      })
    }
    const url = telepathUrl(telepath)
    this.telepathPort = await listening(showUrl(url), () => this.telepath.listen(url))
    await listening(dir.socket, () => this.telepath.listenAtSocket(dir.socket))
  }

  private start(): void {
    const { config, createSyncService, dir, log, openCortex, version } = this.options
    const service = createSyncService({ config, store: this.store, openCortex, log })
    this.startedService = service
    this.methods = apiMethods({
      service,
      auth: this.auth,
      cellIden: dir.iden,
      version,
      sessions: () => this.telepath.sessions(),
    })
  }

  private async remote(auth: { name: string; passwd: Value } | null, address: string): Promise<User> {
    if (auth === null) throw TelepathError.of('AuthDeny', { mesg: 'Unable to find cell user' })
    return await this.logins.login(address, auth.name, auth.passwd)
  }

  /** Whoever can open the socket owns the directory, and could read and write everything in it anyway. */
  private local(auth: { name: string } | null): User {
    if (auth === null) return this.auth.root
    const user = this.auth.byName(auth.name)
    if (!user) throw TelepathError.of('NoSuchUser', { name: auth.name, mesg: `No such user: ${auth.name}.` })
    return user
  }

  private shared(path: readonly string[]): Shared<string> {
    if (path.length > 0) throw TelepathError.of('NoSuchPath', { path: [...path] })
    if (!this.startedService) throw TelepathError.of('NotReady', { mesg: `${SERVICE_NAME} is starting` })
    return { classes: CLASSES, version: SYNAPSE_VERSION, methods: this.methods }
  }
}

/** @throws {MigrationError} ERR_CONFIG */
function telepathUrl(text: string): TelepathUrl {
  try {
    return resolveUrl(text)
  } catch (cause) {
    throw new MigrationError('ERR_CONFIG', `Cannot listen for telepath: ${(cause as Error).message}`, { cause })
  }
}

/** @throws {MigrationError} ERR_CONFIG saying why we cannot listen there */
async function listening<T>(where: string, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen()
  } catch (cause) {
    if (cause instanceof MigrationError) throw cause
    const reason = cause instanceof BadUrl ? cause.message : `Cannot listen at ${where}: ${reasonOf(cause)}`
    throw new MigrationError('ERR_CONFIG', reason, { cause })
  }
}

/** The system's message without its error code. */
export function reasonOf(error: unknown): string {
  const { code, message, port = 0 } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return port > 0 ? 'the port is in use' : 'something else is there'
  if (code === 'EACCES') return 'permission denied'
  return message
}
