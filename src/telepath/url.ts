import { BadUrl } from './errors.js'

/**
 * A telepath url, parsed as Synapse does: no percent-decoding, the last `@` of the authority ends the password, and no
 * default ports. `path` starts with its `/` or is empty.
 */
export interface TelepathUrl {
  readonly scheme: string
  readonly user: string | null
  readonly passwd: string | null
  readonly host: string
  readonly port: number | null
  readonly path: string
  /** A key without `=` has the value null. */
  readonly query: ReadonlyMap<string, string | null>
}

/** The target of a url: an address, and the name sent in the handshake (share, then `/` and a path). */
export type Endpoint =
  | { readonly kind: 'tcp' | 'ssl'; readonly host: string; readonly port: number; readonly name: string }
  | { readonly kind: 'unix'; readonly file: string; readonly name: string }

/** @throws {BadUrl} when there is no `://` (replace aliases first) or the port is not a number */
export function parseUrl(text: string): TelepathUrl {
  const sep = text.indexOf('://')
  if (sep < 0) throw new BadUrl('Cannot use the url: it has no "://" and is no alias')
  const scheme = text.slice(0, sep).toLowerCase()
  let rest = text.slice(sep + 3)
  const query = new Map<string, string | null>()
  const mark = rest.indexOf('?')
  if (mark >= 0) {
    for (const [key, value] of queryPairs(rest.slice(mark + 1))) query.set(key, value)
    rest = rest.slice(0, mark)
  }
  const slash = rest.indexOf('/')
  const path = slash < 0 ? '' : rest.slice(slash)
  let authority = slash < 0 ? rest : rest.slice(0, slash)
  let user: string | null = null
  let passwd: string | null = null
  const at = authority.lastIndexOf('@')
  if (at >= 0) {
    ;[user, passwd] = splitFirst(authority.slice(0, at), ':')
    authority = authority.slice(at + 1)
  }
  return { scheme, user, passwd, ...hostAndPort(authority, scheme), path, query }
}

/** The url for messages: password as `****`, and without the query. */
export function showUrl(url: TelepathUrl): string {
  const auth = url.user === null ? '' : `${url.user}${url.passwd === null ? '' : ':****'}@`
  const host = url.port !== null && url.host.includes(':') ? `[${url.host}]` : url.host
  return `${url.scheme}://${auth}${host}${url.port === null ? '' : `:${url.port}`}${url.path}`
}

/** Masks the password in everything in a text that looks like a url, for text by others. */
export function maskUrls(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/'"]*):[^\s'"]*@/gi, '$1:****@')
}

/**
 * One argument for messages. If it is a url, even a wrong one, shows nothing of its password or query; else returns it
 * unchanged.
 */
export function maskUrl(url: string): string {
  if (!url.includes('://')) return url
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/]*):.*@/is, '$1:****@').replace(/\?.*$/s, '')
}

/** @throws {BadUrl} for an unknown scheme, an unusable path, or a missing host or port */
export function endpointOf(url: TelepathUrl): Endpoint {
  switch (url.scheme) {
    case 'tcp':
    case 'ssl': {
      if (url.host === '') throw refused(url, 'it has no host')
      if (url.port === null) throw refused(url, 'it has no port')
      return { kind: url.scheme, host: url.host, port: url.port, name: url.path.slice(1).replace(/\/+$/, '') }
    }
    case 'unix': {
      const [file, name] = fileAndShare(url, url.path)
      return { kind: 'unix', file, name }
    }
    case 'cell': {
      // In the url of a relative path, the first directory is where other urls have the host.
      const dir = url.host === '' ? url.path : `${url.host}${url.path}`
      const [path, name] = fileAndShare(url, dir)
      return { kind: 'unix', file: `${path.replace(/\/+$/, '')}/sock`, name }
    }
    default:
      throw refused(url, 'its scheme is none of tcp, ssl, unix, cell')
  }
}

/** The url of a layer of the same Cortex: its share (`cortex` by default) with the path `layer/<iden>`. */
export function layerUrl(url: TelepathUrl, iden: string): TelepathUrl {
  const { kind, name } = endpointOf(url)
  const share = name === '' || (kind !== 'unix' && name === '*') ? 'cortex' : name
  const layer = `${share}/layer/${iden}`
  if (kind !== 'unix') return { ...url, path: `/${layer}` }
  const file = url.path.replace(/:.*$/s, '').replace(/(?<=.)\/+$/, '')
  return { ...url, path: `${file}:${layer}` }
}

function fileAndShare(url: TelepathUrl, path: string): [file: string, share: string] {
  const parts = path.split(':')
  if (parts.length > 2) throw refused(url, 'it has more than one ":" behind the path')
  if (parts[0] === '') throw refused(url, 'it has no path')
  return [parts[0], parts.length === 2 ? parts[1].replace(/\/+$/, '') : '*']
}

function queryPairs(text: string): [string, string | null][] {
  return text.split('&').map((pair) => splitFirst(pair, '='))
}

function splitFirst(text: string, separator: string): [string, string | null] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)]
}

function hostAndPort(text: string, scheme: string): { host: string; port: number | null } {
  if (text.startsWith('[')) {
    const at = text.lastIndexOf(':')
    return { host: text.slice(0, at).replace(/^\[+|\]+$/g, ''), port: portOf(text.slice(at + 1), scheme) }
  }
  const parts = text.split(':')
  return parts.length === 2 ? { host: parts[0], port: portOf(parts[1], scheme) } : { host: text, port: null }
}

function portOf(text: string, scheme: string): number {
  const port = /^\s*\d{1,5}\s*$/.test(text) ? Number(text) : Number.NaN
  // Do not quote it: if the password has a "/" or "?", this text is the start of the password.
  if (!(port <= 65535)) throw new BadUrl(`Cannot use the url "${scheme}://…": its port is no number up to 65535`)
  return port
}

function refused(url: TelepathUrl, reason: string): BadUrl {
  return new BadUrl(`Cannot use the url "${showUrl(url)}": ${reason}`)
}
