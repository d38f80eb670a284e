import { createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'

/** Signatures by kind of key: AlgorithmIdentifier in DER, RFC 4055 and RFC 5758. */
const SIGNATURES: Record<string, Buffer> = {
  rsa: Buffer.from('300d06092a864886f70d01010b0500', 'hex'), // sha256WithRSAEncryption
  ec: Buffer.from('300a06082a8648ce3d040302', 'hex'), // ecdsa-with-SHA256
}
const COMMON_NAME = Buffer.from('0603550403', 'hex')
const ALT_NAMES = Buffer.from('0603551d11', 'hex')
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex')
const TRUE = Buffer.from('0101ff', 'hex')

const [INTEGER, BIT_STRING, OCTET_STRING, UTF8, UTC_TIME, TIME, SEQUENCE, SET] = [2, 3, 4, 12, 23, 24, 0x30, 0x31]
const VERSION_3 = Buffer.from('a003020102', 'hex')
const EXTENSIONS = 0xa3
const DNS_NAME = 0x82

/** The X.509 limit. */
const MOST_NAME_BYTES = 64

/**
 * A self-signed certificate for these host names, in PEM: X.509 version 3, RFC 5280. Node can make keys and signatures
 * but cannot assemble a certificate. This code only writes certificates, and never reads one.
 *
 * @throws {RangeError} for a key that is neither RSA nor elliptic curve
 */
export function selfSigned(key: KeyObject, hosts: readonly string[], notBefore: Date, notAfter: Date): string {
  const signature = SIGNATURES[key.asymmetricKeyType ?? '']
  if (signature === undefined) throw new RangeError(`no signatures of a key of type ${key.asymmetricKeyType}`)
  const serial = randomBytes(16)
  // Make it a positive number without a leading zero byte.
  serial[0] = (serial[0] & 0x3f) | 0x40
  const commonName = Buffer.from(hosts[0]).subarray(0, MOST_NAME_BYTES)
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, commonName))))
  const alternatives = hosts.map((host) => der(DNS_NAME, Buffer.from(host, 'latin1')))
  const content = der(
    SEQUENCE,
    VERSION_3,
    der(INTEGER, serial),
    signature,
    name,
    der(SEQUENCE, time(notBefore), time(notAfter)),
    name,
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    der(
      EXTENSIONS,
      der(
        SEQUENCE,
        der(SEQUENCE, BASIC_CONSTRAINTS, TRUE, der(OCTET_STRING, der(SEQUENCE, TRUE))),
        der(SEQUENCE, ALT_NAMES, der(OCTET_STRING, der(SEQUENCE, ...alternatives))),
      ),
    ),
  )
  const certificate = der(SEQUENCE, content, signature, der(BIT_STRING, Uint8Array.of(0), sign('sha256', content, key)))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Tag, length and content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const bytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...bytes), content])
}

/** The year has two digits until 2049, then four. */
function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`
  return date.getUTCFullYear() < 2050 ? der(UTC_TIME, Buffer.from(digits.slice(2))) : der(TIME, Buffer.from(digits))
}
