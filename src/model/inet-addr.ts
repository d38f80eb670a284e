import type { Value } from '../bytes/msgpack.js'
import { formatIpv4 } from '../python/ip.js'
import { compilePattern } from '../python/regex.js'
import { lower, splitOnce, strip, stripChars, unshield } from '../python/text.js'
import { guidOf } from './guid.js'
import { OwnStr } from './str.js'
import type { ByteCheck } from './type.js'

/** An IPv6 address in brackets and a port. */
export const bracketed = compilePattern(String.raw`^\[([a-f0-9\.:]+)\]:(\d+)$`)

const protocols = ['tcp', 'udp', 'icmp', 'host']
const hostAddress = /^host:\/\/[0-9a-f]{32}(?::(0|[1-9][0-9]{0,4}))?$/

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const plainAddress = new RegExp(`^(?:tcp|udp|icmp)://(?:${octet}\\.){3}${octet}(?::(0|[1-9][0-9]{0,4}))?$`)

/** inet:addr, inet:server and inet:client: a protocol, an address and an optional port. */
export class Addr extends OwnStr {
  override isNormed(value: Value): boolean {
    const match = typeof value === 'string' ? plainAddress.exec(value) : null
    return match !== null && Number(match[1] ?? 0) <= 65535
  }

  override get byteCheck(): ByteCheck | null {
    return { kind: 'addr' }
  }

  /** 0.1.x stores a host as the MD5 of its name; norming that again gives another MD5. */
  override keeps(value: Value): boolean {
    const host = typeof value === 'string' ? hostAddress.exec(value) : null
    return host !== null ? Number(host[1] ?? 0) <= 65535 : super.keeps(value)
  }

  protected override ofText(text: string): Value {
    const parts = splitOnce(lower(text), '://')
    const [protocol, rest] = parts.length === 2 ? parts : ['tcp', parts[0]]
    if (!protocols.includes(protocol)) {
      throw this.bad('inet:addr protocol must be in: tcp, udp, icmp, host', text)
    }
    const address = stripChars(strip(rest), '/')
    if (protocol === 'host') {
      const { host, port } = this.splitPort(address)
      return `host://${guidOf(unshield(host))}${port}`
    }
    if (address.startsWith('[')) return this.withIpv6(protocol, address, text)
    if (address.split(':').length > 2) return `${protocol}://${this.core('inet:ipv6').normValue(address)}`
    const { host, port } = this.splitPort(address)
    return `${protocol}://${formatIpv4(this.core('inet:ipv4').normValue(host) as number)}${port}`
  }

  private withIpv6(protocol: string, address: string, text: string): Value {
    const match = bracketed.exec(address)
    if (match === null) throw this.bad(`Invalid IPv6 w/port (${text})`, text)
    const ipv6 = this.core('inet:ipv6').normValue(match[1])
    return `${protocol}://[${ipv6}]:${this.core('inet:port').normValue(match[2])}`
  }

  private splitPort(address: string): { host: string; port: string } {
    const [host, port] = splitOnce(address, ':')
    return { host, port: port === undefined ? '' : `:${this.core('inet:port').normValue(port)}` }
  }
}
