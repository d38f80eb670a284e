import { connect, isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import { clientTls } from './certdir.js'
import { BadUrl, LinkDown } from './errors.js'
import { Link } from './link.js'
import { shortSocketPath } from './socket-path.js'
import { endpointOf, showUrl, type TelepathUrl } from './url.js'

export interface DialOptions {
  readonly connectMs: number
  readonly maxFrameBytes: number
}

/**
 * Opens a bare link to the address of a url.
 *
 * @throws {LinkDown} when nobody answers there, or the TLS handshake fails
 * @throws {BadUrl} when the url has no usable address, or a certificate file is missing
 */
export function dial(url: TelepathUrl, options: DialOptions): Promise<Link> {
  const peer = showUrl(url)
  const { socket, ready, check } = opening(url)
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      clearTimeout(timer)
      socket.destroy()
      reject(new LinkDown(`Cannot connect to ${peer}: ${reasonOf(error)}`, error))
    }
    const timer = setTimeout(() => fail(new Error(`no answer within ${options.connectMs / 1000} s`)), options.connectMs)
    const ended = () => fail(new Error('it closed the connection'))
    socket.on('error', fail)
    socket.on('close', ended)
    socket.once(ready, () => {
      const refused = check?.()
      if (refused) return fail(new Error(refused))
      clearTimeout(timer)
      // The link adds its listeners right here, so that no error can come while there is none.
      resolve(new Link(socket, { peer, maxFrameBytes: options.maxFrameBytes }))
      socket.off('error', fail)
      socket.off('close', ended)
    })
  })
}

interface Opening {
  readonly socket: Socket
  readonly ready: 'connect' | 'secureConnect'
  /** Once connected, says why the peer is not the one that the url names. */
  readonly check?: () => string | undefined
}

/**
 * Starts to connect. If that fails right away, it counts as nobody answering; but a meaningless url is an error of its
 * own.
 */
function opening(url: TelepathUrl): Opening {
  try {
    return open(url)
  } catch (error) {
    if (error instanceof BadUrl) throw error
    throw new LinkDown(`Cannot connect to ${showUrl(url)}: ${reasonOf(error as Error)}`, error)
  }
}

function open(url: TelepathUrl): Opening {
  const end = endpointOf(url)
  if (end.kind === 'unix') return { socket: connectToSocket(end.file), ready: 'connect' }
  if (end.kind === 'tcp') return { socket: connect({ host: end.host, port: end.port }), ready: 'connect' }
  const { checkHash, servername, ...tls } = clientTls(url)
  const socket = connectTls({
    host: end.host,
    port: end.port,
    ...(isIP(servername) ? {} : { servername }), // SNI does not allow addresses.
    ...tls,
    rejectUnauthorized: checkHash === undefined,
    checkServerIdentity: (_, cert) => checkServerIdentity(servername, cert),
  })
  if (checkHash === undefined) return { socket, ready: 'secureConnect' }
  const check = () => {
    const found = socket.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase()
    return found === checkHash ? undefined : `the hash of its certificate is ${found}, not that of the url`
  }
  return { socket, ready: 'secureConnect', check }
}

/** Connects to a unix socket, even one with a long path. @throws like `shortSocketPath()` */
function connectToSocket(file: string): Socket {
  const { path, release } = shortSocketPath(file)
  return connect({ path }).once('connect', release).once('error', release)
}

/** If a name has several addresses, Node bundles their failures into one error without a message. */
function reasonOf(error: Error): string {
  const inner = (error as AggregateError).errors
  if (Array.isArray(inner) && inner.length > 0) return inner.map((each: Error) => each.message).join('; ')
  return error.message || ((error as NodeJS.ErrnoException).code ?? error.name)
}
