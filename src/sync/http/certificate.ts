import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import type { SyncLog } from '../api.js'

const YEARS = 10

/** The certificate of the status page, `sslcert.pem` and `sslkey.pem` of the directory; self-signed when there is none. */
export async function pageCertificate(dir: string, log: SyncLog): Promise<{ cert: string; key: string }> {
  const certFile = join(dir, 'sslcert.pem')
  const keyFile = join(dir, 'sslkey.pem')
  if (!existsSync(certFile) || !existsSync(keyFile)) {
    log.warn(`Made a self-signed certificate for https: put your own into ${certFile} and ${keyFile}`)
    const now = new Date()
    const notAfterDate = new Date(now)
    notAfterDate.setFullYear(now.getFullYear() + YEARS)
    const altNames = [hostname(), 'localhost'].map((value) => ({ type: 2 as const, value }))
    const made = await generate([{ name: 'commonName', value: hostname() }], {
      keySize: 2048,
      algorithm: 'sha256',
      notBeforeDate: now,
      notAfterDate,
      extensions: [{ name: 'subjectAltName', altNames }],
    })
    writeFileSync(keyFile, made.private, { mode: 0o600 })
    writeFileSync(certFile, made.cert)
  }
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
}
