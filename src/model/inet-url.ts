import type { Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { formatIpv4 } from '../python/ip.js'
import { lower, splitOnce } from '../python/text.js'
import { bracketed } from './inet-addr.js'
import { parseIpv4Text } from './inet-ip.js'
import { OwnStr } from './str.js'
import type { ByteCheck } from './type.js'

/** A URL whose host is a lower-case name that cannot be an address, with no leading zeros in the port. */
const plainUrl =
  /^[a-z0-9+.-]+:\/\/[a-z][a-z0-9_-]{0,62}(?:\.[a-z0-9_-]{1,63})*(?::(0|[1-9][0-9]{0,4}))?(?=[/?]|$)[^?]*(?:\?[\s\S]|$)/
/** The labels of such a name. */
const PLAIN_NAME: ByteCheck = { kind: 'parts', chars: 'a-z0-9_-', high: 63, mark: 0x2e }

/** inet:url: norms the protocol and the host, and keeps the rest. */
export class Url extends OwnStr {
  override isNormed(value: Value): boolean {
    const match = typeof value === 'string' ? plainUrl.exec(value) : null
    return match !== null && Number(match[1] ?? 0) <= 65535
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'url', chars: 'a-z0-9+.-', items: [PLAIN_NAME] }
  }

  protected override ofText(text: string): Value {
    const parts = splitOnce(text, '://')
    if (parts.length === 1) throw this.bad('Invalid/Missing protocol', text)
    const [beforeQuery, query = ''] = splitOnce(parts[1], '?')
    const [authority, path] = splitOnce(beforeQuery, '/')
    const at = authority.indexOf('@')
    const user = at < 0 ? '' : authority.slice(0, at)
    const { host, port } = this.hostAndPort(authority.slice(at + 1), text)
    const portText = port === null ? '' : `:${this.core('inet:port').normValue(port)}`
    const base = `${lower(parts[0])}://${user === '' ? '' : `${user}@`}${host}${portText}`
    return `${base}${path === undefined ? '' : `/${path}`}${query === '' ? '' : `?${query}`}`
  }

  private hostAndPort(text: string, url: string): { host: string; port: string | null } {
    if (text.startsWith('[') || text.split(':').length > 2) {
      const match = bracketed.exec(text)
      const ipv6 = this.tried('inet:ipv6', match === null ? text : match[1])
      if (ipv6 === null) throw this.bad('No valid host', url)
      return match === null ? { host: `${ipv6}`, port: null } : { host: `[${ipv6}]`, port: match[2] }
    }
    const [name, port = null] = splitOnce(text, ':')
    const ipv4 = parseIpv4Text(name)
    const host = ipv4 === null ? this.tried('inet:fqdn', name) : formatIpv4(ipv4)
    if (host === null) throw this.bad('No valid host', url)
    return { host: host as string, port }
  }

  private tried(typeName: string, text: string): Value {
    try {
      return this.core(typeName).normValue(text)
    } catch (error) {
      if (error instanceof NormError) return null
      throw error
    }
  }
}
