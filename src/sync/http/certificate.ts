import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { writeWhole } from '../../slab/write-whole.js'
import type { SyncLog } from '../api.js'
import { selfSigned } from './self-signed.js'

const YEARS = 10

/**
 * The certificate of the status page, from `sslcert.pem` and `sslkey.pem` in the directory. Makes a key if there is
 * none, and a certificate for the key if there is none. The caller must report a certificate without a key.
 */
export function pageCertificate(dir: string, log: SyncLog): { cert: string; key: string } {
  const certFile = join(dir, 'sslcert.pem')
  const keyFile = join(dir, 'sslkey.pem')
  if (!existsSync(certFile)) {
    log.warn(`Made a self-signed certificate for https: put your own into ${certFile} and ${keyFile}`)
    if (!existsSync(keyFile)) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      writeWhole(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    }
    const now = new Date()
    const end = new Date(now)
    end.setFullYear(now.getFullYear() + YEARS)
    const key = createPrivateKey(readFileSync(keyFile))
    writeWhole(certFile, selfSigned(key, [hostname(), 'localhost'], now, end))
  }
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
}
