import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { MigrationError } from '../../errors.js'
import { TelepathError } from '../../telepath/errors.js'
import type { SyncLog, SyncState } from '../api.js'
import type { Auth, User } from '../cell/auth.js'
import type { CellDir } from '../cell/cell-dir.js'
import { stateJson } from '../status.js'
import { pageCertificate } from './certificate.js'
import { metricsText } from './metrics.js'
import { STYLE_HASH, statusPage } from './page.js'

const MAX_BODY_BYTES = 1 << 14
const MAX_CONNECTIONS = 512
const SESSION_MS = 12 * 3600 * 1000
const COOKIE = 'sess'

export interface StatusServerParts {
  readonly port: number
  readonly dir: CellDir
  readonly auth: Auth
  readonly state: () => SyncState
  readonly log: SyncLog
}

type Handler = (request: IncomingMessage, response: ServerResponse, user: User) => void

/**
 * The status page (`/`), `/metrics` for Prometheus and `/api/v1/{login,active,healthcheck,status}`, over TLS, for the users
 * of the service: a cookie from the login, or Basic authentication. It shows and changes nothing.
 */
export class StatusServer {
  readonly port: number
  readonly #server: Server
  readonly #parts: StatusServerParts
  readonly #routes: ReadonlyMap<string, Handler>

  /** @throws {MigrationError} ERR_CONFIG when the port is taken, or certificate and key do not fit */
  static async listen(parts: StatusServerParts): Promise<StatusServer> {
    const { port, dir, log } = parts
    const refused = (cause: unknown, what: string) => {
      const { code, message } = cause as NodeJS.ErrnoException
      const reason = code === 'EADDRINUSE' ? 'the port is in use' : message
      return new MigrationError('ERR_CONFIG', `Cannot ${what}: ${reason}`, { cause })
    }
    let server: Server
    try {
      server = createServer({ ...(await pageCertificate(dir.path, log)), minVersion: 'TLSv1.2' })
    } catch (cause) {
      throw refused(cause, `use the certificate of "${dir.path}" for https`)
    }
    try {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '0.0.0.0', resolve))
    } catch (cause) {
      throw refused(cause, `listen for https at port ${port}`)
    }
    return new StatusServer(server, parts)
  }

  private constructor(server: Server, parts: StatusServerParts) {
    this.#server = server
    this.#parts = parts
    this.port = (server.address() as { port: number }).port
    server.maxConnections = MAX_CONNECTIONS
    server.headersTimeout = 10_000
    server.requestTimeout = 10_000
    server.on('tlsClientError', (error) => parts.log.debug(`A TLS handshake of https failed: ${error.message}`))
    server.on('request', (request, response) => {
      this.#answer(request, response).catch((error) => {
        if (!response.headersSent) send(response, 500, 'text/plain', 'internal error, see the log of the service\n')
        parts.log.error(`Answering ${request.method} over https failed`, error)
      })
    })
    this.#routes = new Map<string, Handler>([
      ['/', (_, response) => send(response, 200, 'text/html', statusPage(parts.state()))],
      ['/metrics', (_, response) => send(response, 200, 'text/plain; version=0.0.4', metricsText(parts.state()))],
      ['/api/v1/status', (_, response) => ok(response, stateJson(parts.state()))],
      [
        '/api/v1/healthcheck',
        (_, response) => ok(response, { iden: parts.dir.iden, components: [], status: 'nominal' }),
      ],
    ])
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').replace(/\?.*$/s, '')
    const { method } = request
    if (path === '/api/v1/active' && method === 'GET') return ok(response, { active: true })
    if (path === '/api/v1/login' && method === 'POST') return this.#login(request, response)
    const user = this.#userOf(request)
    if (!user) {
      response.setHeader('WWW-Authenticate', 'Basic realm="migrsync", charset="UTF-8"')
      return failed(response, 401, 'NotAuthenticated', 'Log in with a user of the service')
    }
    const handler = this.#routes.get(path)
    if (!handler) return failed(response, 404, 'NoSuchPath', 'There is no such page')
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return failed(response, 405, 'BadMethod', 'Only GET is answered here')
    }
    handler(request, response, user)
  }

  async #login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    if (body === undefined) return failed(response, 413, 'BadArg', 'The request is too long')
    let given: { user?: unknown; passwd?: unknown } | null
    try {
      given = JSON.parse(body)
    } catch {
      return failed(response, 400, 'SchemaViolation', 'The request is no JSON')
    }
    const { user: name, passwd } = given ?? {}
    if (typeof name !== 'string' || typeof passwd !== 'string') {
      return failed(response, 400, 'SchemaViolation', 'The request is no {"user": text, "passwd": text}')
    }
    const user = this.#tryLogin(name, passwd)
    // As Synapse does: the failure of a login is an answer of its own, not one of HTTP.
    if (!user) return failed(response, 200, 'AuthDeny', 'Incorrect password.')
    const value = this.#signed(user.iden, Date.now() + SESSION_MS)
    response.setHeader('Set-Cookie', `${COOKIE}=${value}; Path=/; Secure; HttpOnly; SameSite=Strict`)
    const { iden, admin } = user
    ok(response, { type: 'user', iden, name, admin, locked: false })
  }

  #userOf(request: IncomingMessage): User | undefined {
    const cookie = request.headers.cookie?.match(/(?:^|;\s*)sess=([^;]+)/)?.[1]
    const known = cookie === undefined ? undefined : this.#userOfCookie(cookie)
    if (known) return known
    const basic = request.headers.authorization?.match(/^Basic ([A-Za-z0-9+/=]+)$/i)?.[1]
    if (basic === undefined) return undefined
    const text = Buffer.from(basic, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    return colon < 0 ? undefined : this.#tryLogin(text.slice(0, colon), text.slice(colon + 1))
  }

  #tryLogin(name: string, passwd: string): User | undefined {
    try {
      return this.#parts.auth.login(name, passwd)
    } catch (error) {
      if (error instanceof TelepathError) return undefined
      throw error
    }
  }

  #userOfCookie(cookie: string): User | undefined {
    const [iden, expires] = cookie.split('.')
    const wanted = Buffer.from(this.#signed(iden, Number(expires)))
    const given = Buffer.from(cookie)
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given) || Number(expires) < Date.now())
      return undefined
    const user = this.#parts.auth.byIden(iden)
    return user?.locked ? undefined : user
  }

  /** `<user iden>.<expiry>.<hmac>`: nothing has to be remembered. */
  #signed(iden: string, expires: number): string {
    const text = `${iden}.${expires}`
    return `${text}.${createHmac('sha256', this.#parts.dir.cookieSecret).update(text).digest('hex')}`
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

/** Undefined when it is too long; what is beyond is read and forgotten, or the client would never see the answer. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += (chunk as Buffer).length
    if (length <= MAX_BODY_BYTES) chunks.push(chunk as Buffer)
  }
  return length > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString('utf8')
}
