import { readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { rootCertificates, type SecureContextOptions } from 'node:tls'
import { synDir } from './aliases.js'
import { BadUrl } from './errors.js'
import { showUrl, type TelepathUrl } from './url.js'

/**
 * Where to look for certificates, laid out as by Synapse's tools: `cas/<name>.crt`, `hosts/<name>.{crt,key}`,
 * `users/<name>.{crt,key}`. In order: the url's `certdir`, the directories given, and `SYN_CERT_DIR` (may be several,
 * separated by `:`) or else `certs` in Synapse's directory.
 */
export function certDirs(url: TelepathUrl, first: readonly string[] = []): string[] {
  const named = url.query.get('certdir')
  if (named) return [named]
  const env = process.env.SYN_CERT_DIR
  return [...first, ...(env ? env.split(':') : [join(synDir(), 'certs')])]
}

/**
 * What a client needs for `ssl://`: every CA, and a user's certificate if the url has `certname`, or a user without
 * password.
 */
export function clientTls(url: TelepathUrl): SecureContextOptions & { checkHash?: string; servername: string } {
  const dirs = certDirs(url)
  const name = url.query.get('hostname') ?? url.host
  const certname =
    url.query.get('certname') ?? (url.user !== null && url.passwd === null ? `${url.user}@${name}` : null)
  const hash = url.query.get('certhash')
  return {
    ca: [...rootCertificates, ...authorities(dirs)],
    servername: name,
    minVersion: 'TLSv1.2',
    ...(certname ? keyPair(url, dirs, 'users', certname, url.query.has('certname')) : {}),
    ...(hash ? { checkHash: hash.toLowerCase() } : {}),
  }
}

/**
 * What a server needs for `ssl://`: its host's key pair, and with `?ca=<name>` the CA that clients' certificates must
 * be from.
 */
export function serverTls(
  url: TelepathUrl,
  first: readonly string[],
): SecureContextOptions & { requestCert: boolean; rejectUnauthorized: boolean } {
  const dirs = certDirs(url, first)
  const name = url.query.get('hostname') ?? (url.host === '' || url.host === '0.0.0.0' ? hostname() : url.host)
  const ca = url.query.get('ca')
  const pair = keyPair(url, dirs, 'hosts', name, true)
  return {
    minVersion: 'TLSv1.2',
    ...pair,
    ...(ca ? { ca: required(url, dirs, join('cas', `${ca}.crt`)) } : {}),
    requestCert: Boolean(ca),
    rejectUnauthorized: Boolean(ca),
  }
}

function authorities(dirs: readonly string[]): Buffer[] {
  const found: Buffer[] = []
  for (const dir of dirs) {
    for (const file of list(join(dir, 'cas'))) {
      if (file.endsWith('.crt')) found.push(readFileSync(join(dir, 'cas', file)))
    }
  }
  return found
}

function keyPair(
  url: TelepathUrl,
  dirs: readonly string[],
  folder: 'hosts' | 'users',
  name: string,
  must: boolean,
): { cert?: Buffer; key?: Buffer } {
  const cert = find(dirs, join(folder, `${name}.crt`))
  if (cert === undefined && !must) return {}
  return {
    cert: cert ?? required(url, dirs, join(folder, `${name}.crt`)),
    key: required(url, dirs, join(folder, `${name}.key`)),
  }
}

function required(url: TelepathUrl, dirs: readonly string[], file: string): Buffer {
  const found = find(dirs, file)
  if (found === undefined) {
    throw new BadUrl(`Cannot use the url "${showUrl(url)}": there is no ${file} in ${dirs.join(' or ')}`)
  }
  return found
}

function find(dirs: readonly string[], file: string): Buffer | undefined {
  for (const dir of dirs) {
    try {
      return readFileSync(join(dir, file))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return undefined
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir).sort()
  } catch {
    return []
  }
}
