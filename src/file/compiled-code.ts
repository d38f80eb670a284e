import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Script } from 'node:vm'

/** The bundles that each migration loads, and one that only some do. */
const OF_EACH_RUN = ['programs', 'task', 'writer'] as const
type Bundle = (typeof OF_EACH_RUN)[number] | 'snapshot-process'

const DIGEST_BYTES = 32
/** V8 discards code that has not run for long: after this time, that of the start. */
const SHORT_RUN_MS = 10_000

/** What load() leaves for the bundle, which has a copy of this module of its own. */
interface Loaded {
  /** Whether some bundle has no code yet. */
  readonly isLacking: boolean
  keep(): void
}

const LOADED = Symbol.for('synapse-migrator:compiled-code')
const shared = globalThis as { [LOADED]?: Loaded }

type Factory = (exports: object, require: NodeJS.Require, module: object, path: string, dir: string) => void

/**
 * Loads a bundle with the code that V8 has made of it in an earlier run: each thread compiles for itself, and that took a
 * fifth of a short run. The code lies beside the bundle. Without it, we compile as usual.
 */
export function load(dir: string, name: Bundle): unknown {
  const path = join(dir, `${name}.bundle.cjs`)
  const source = readFileSync(path)
  const known = storedCode(codePath(dir, name), source)
  const text = `(function (exports, require, module, __filename, __dirname) {${source.toString('latin1')}\n})`
  const script = new Script(text, { filename: path, ...(known !== null && { cachedData: known }) })
  const isLacking = known === null || script.cachedDataRejected === true
  shared[LOADED] = {
    isLacking: isLacking || OF_EACH_RUN.some((each) => !existsSync(codePath(dir, each))),
    keep: () => isLacking && storeCode(codePath(dir, name), source, script.createCachedData()),
  }
  const module = { exports: {} }
  const run = script.runInThisContext() as Factory
  run(module.exports, createRequire(path), module, path, dir)
  return module.exports
}

/** Whether to call keepCode() in each thread before it ends. */
export function isCodeLacking(): boolean {
  return shared[LOADED]?.isLacking === true && performance.now() < SHORT_RUN_MS
}

/** Stores the code of this thread's bundle for later runs, if it was not there and can be written. */
export function keepCode(): void {
  shared[LOADED]?.keep()
}

function codePath(dir: string, name: Bundle): string {
  return join(dir, `${name}.${process.version}-${process.arch}.code`)
}

/** Null when there is none, or that of another bundle. V8 itself refuses code of other releases and flags. */
function storedCode(path: string, source: Uint8Array): Uint8Array | null {
  let stored: Buffer
  try {
    stored = readFileSync(path)
  } catch {
    return null
  }
  const code = stored.subarray(DIGEST_BYTES)
  return digestOf(source, code).equals(stored.subarray(0, DIGEST_BYTES)) ? code : null
}

function storeCode(path: string, source: Uint8Array, code: Uint8Array): void {
  const part = `${path}.${process.pid}`
  try {
    writeFileSync(part, Buffer.concat([digestOf(source, code), code]))
    chmodSync(part, 0o644)
    renameSync(part, path)
  } catch {
    // The program belongs to somebody else, or its disk is full: it runs without.
    rmSync(part, { force: true })
  }
}

/** V8 compares no more than lengths. */
function digestOf(source: Uint8Array, code: Uint8Array): Buffer {
  return createHash('sha256').update(source).update(code).digest()
}
