import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { MigrationError } from '../../errors.js'
import { TelepathError } from '../../telepath/errors.js'
import { addressOf, type GuestLimits, GuestList } from '../../telepath/guest-list.js'
import type { SyncLog, SyncState } from '../api.js'
import type { CellDir } from '../cell/cell-dir.js'
import type { Logins } from '../cell/logins.js'
import { stateJson } from '../status.js'
import { pageCertificate } from './certificate.js'
import { metricsText } from './metrics.js'
import { STILL_QUERY, STYLE_HASH, statusPage } from './page.js'

const LIMITS: GuestLimits = { perAddress: 64, all: 512, introductionMs: 10_000 }
/** Limit for a TLS handshake, and for a request once it has begun. */
const REQUEST_MS = 10_000

/** Where to listen; port 0: any free one. */
export interface HttpsAddress {
  readonly host: string
  readonly port: number
}

export interface StatusServerParts {
  readonly at: HttpsAddress
  readonly dir: CellDir
  readonly logins: Logins
  /** Called for each answer. */
  readonly state: () => Promise<SyncState>
  readonly log: SyncLog
  readonly limits?: Partial<GuestLimits>
}

type Handler = (response: ServerResponse, query: string) => void | Promise<void>

/**
 * The status page (`/`), `/metrics` for Prometheus and `/api/v1/{active,healthcheck,status}`, over TLS, for users of
 * the service with Basic authentication. Only `active` is public. Read-only.
 */
export class StatusServer {
  readonly port: number
  private readonly server: Server
  private readonly guests: GuestList
  private readonly parts: StatusServerParts
  private readonly routes: ReadonlyMap<string, Handler>

  /** @throws {MigrationError} ERR_CONFIG when the port is taken, or certificate and key do not match */
  static async listen(parts: StatusServerParts): Promise<StatusServer> {
    const { at, dir, log } = parts
    const refused = (cause: unknown, what: string) => {
      const { code, message } = cause as NodeJS.ErrnoException
      const reason = code === 'EADDRINUSE' ? 'the port is in use' : message
      return new MigrationError('ERR_CONFIG', `Cannot ${what}: ${reason}`, { cause })
    }
    let server: Server
    try {
      server = createServer({
        ...pageCertificate(dir.path, log),
        minVersion: 'TLSv1.2',
        handshakeTimeout: REQUEST_MS,
        headersTimeout: REQUEST_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: 1000,
      })
    } catch (cause) {
      throw refused(cause, `use the certificate of "${dir.path}" for https`)
    }
    const guests = new GuestList({ ...LIMITS, ...parts.limits }, (message) => log.warn(`https: ${message}`))
    guests.guard(server)
    try {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(at.port, at.host, resolve))
    } catch (cause) {
      guests.close()
      throw refused(cause, `listen for https at ${at.host} port ${at.port}`)
    }
    return new StatusServer(server, guests, parts)
  }

  private constructor(server: Server, guests: GuestList, parts: StatusServerParts) {
    this.server = server
    this.guests = guests
    this.parts = parts
    this.port = (server.address() as AddressInfo).port
    server.on('tlsClientError', (error) => parts.log.debug(`A TLS handshake of https failed: ${error.message}`))
    server.on('request', (request, response) => {
      this.answer(request, response).catch((error) => {
        if (!response.headersSent) send(response, 500, 'text/plain', 'internal error, see the log of the service\n')
        parts.log.error(`Answering ${request.method} over https failed`, error)
      })
    })
    this.routes = new Map<string, Handler>([
      [
        '/',
        async (response, query) =>
          send(response, 200, 'text/html', statusPage(await parts.state(), { isStill: query === STILL_QUERY })),
      ],
      [
        '/metrics',
        async (response) => send(response, 200, 'text/plain; version=0.0.4', metricsText(await parts.state())),
      ],
      ['/api/v1/status', async (response) => ok(response, stateJson(await parts.state()))],
      ['/api/v1/healthcheck', (response) => ok(response, { iden: parts.dir.iden, components: [], status: 'nominal' })],
    ])
  }

  async close(): Promise<void> {
    this.guests.close()
    const closed = new Promise((resolve) => this.server.close(resolve))
    this.server.closeAllConnections()
    await closed
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, query] = /^([^?]*)(.*)$/s.exec(request.url ?? '/')?.slice(1) ?? []
    const { method } = request
    if (path === '/api/v1/active' && method === 'GET') return ok(response, { active: true })
    if (!(await this.mayLook(request, response))) return
    const handler = this.routes.get(path)
    if (!handler) return failed(response, 404, 'NoSuchPath', 'There is no such page')
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return failed(response, 405, 'BadMethod', 'Only GET is answered here')
    }
    await handler(response, query)
  }

  /** Whether the request is from a user of the service. Answers anyone else right here. */
  private async mayLook(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const basic = request.headers.authorization?.match(/^Basic ([A-Za-z0-9+/=]+)$/i)?.[1] ?? ''
    const text = Buffer.from(basic, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    try {
      if (colon >= 0) {
        await this.parts.logins.login(addressOf(request.socket), text.slice(0, colon), text.slice(colon + 1))
        this.guests.introduce(request.socket)
        return true
      }
    } catch (error) {
      if (!(error instanceof TelepathError)) throw error
      const seconds = error.info.get('wait')
      if (typeof seconds === 'number') {
        response.setHeader('Retry-After', seconds)
        failed(response, 429, 'AuthDeny', String(error.info.get('mesg')))
        return false
      }
    }
    response.setHeader('WWW-Authenticate', 'Basic realm="migrsync", charset="UTF-8"')
    failed(response, 401, 'NotAuthenticated', 'Log in with a user of the service')
    return false
  }
}

function ok(response: ServerResponse, result: unknown): void {
  send(response, 200, 'application/json', `${JSON.stringify({ status: 'ok', result })}\n`)
}

function failed(response: ServerResponse, status: number, code: string, mesg: string): void {
  send(response, status, 'application/json', `${JSON.stringify({ status: 'err', code, mesg })}\n`)
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': type.includes(';') || type.startsWith('application') ? type : `${type}; charset=utf-8`,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'Content-Security-Policy': `default-src 'none'; style-src '${STYLE_HASH}'; img-src data:; base-uri 'none'; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
