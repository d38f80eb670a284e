import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { selfSigned } from '../../src/sync/http/self-signed.js'

const KEYS = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
}

for (const [kind, { privateKey, publicKey }] of Object.entries(KEYS)) {
  test(`selfSigned() vouches for a key of kind ${kind} and its hosts, as OpenSSL reads it`, () => {
    const long = `${'long-label.'.repeat(20)}example`
    for (const hosts of [['localhost'], ['core.example', 'localhost'], [long, 'localhost']]) {
      const cert = new X509Certificate(
        selfSigned(privateKey, hosts, new Date('2026-11-29T01:02:03Z'), new Date('2036-01-02')),
      )
      assert.ok(cert.verify(publicKey))
      assert.ok(cert.checkIssued(cert))
      assert.ok(cert.checkPrivateKey(privateKey))
      for (const host of hosts) assert.equal(cert.checkHost(host), host)
      assert.equal(cert.checkHost('other.example'), undefined)
      assert.equal(cert.subject, `CN=${hosts[0].slice(0, 64)}`)
      assert.deepEqual([cert.validFrom, cert.validTo], ['Nov 29 01:02:03 2026 GMT', 'Jan  2 00:00:00 2036 GMT'])
      assert.equal(cert.ca, true)
      assert.match(cert.serialNumber, /^[4-7][0-9A-F]{31}$/)
    }
  })
}

test('selfSigned() writes years from 2050 on with four digits, and refuses keys that it cannot sign with', () => {
  const { privateKey } = KEYS['P-256']
  const cert = new X509Certificate(selfSigned(privateKey, ['h'], new Date('2049-12-31'), new Date('2050-01-01')))
  assert.deepEqual([cert.validFrom, cert.validTo], ['Dec 31 00:00:00 2049 GMT', 'Jan  1 00:00:00 2050 GMT'])
  const other = generateKeyPairSync('ed25519').privateKey
  assert.throws(() => selfSigned(other, ['h'], new Date(), new Date()), /key of type ed25519/)
})
