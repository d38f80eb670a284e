import assert from 'node:assert/strict'
import { synapseMigrator } from './cortex.js'

/** What `synapse-migrator verify --json` prints, as far as tests look at it. */
export interface VerifyReport {
  readonly ok: boolean
  readonly differenceCount: number
  readonly errorCount: number
  readonly isCountExact: boolean
  readonly expected: readonly string[]
  readonly layers: readonly {
    readonly iden: string
    readonly nodes: number
    readonly rows: number
    readonly errors: number
  }[]
  readonly notCompared: readonly string[]
  readonly cell: {
    readonly compared: number
    readonly files: number
    readonly slabs: number
    readonly differenceCount: number
  }
  readonly differences: readonly {
    readonly kind: string
    /** Null for what belongs to no layer. */
    readonly layer: string | null
    readonly place: string
    readonly row: string
    readonly buid: string | null
    readonly expected: { readonly hex: string; readonly value?: unknown } | null
    readonly found: { readonly hex: string; readonly value?: unknown } | null
  }[]
}

/** Arguments of a `verify` that lists all differences of a small Cortex. */
export function verifyArgs(src: string, dest: string): string[] {
  return ['verify', '--src', src, '--dest', dest, '--json', '--limit', '10000']
}

/** Runs `verify`, which has to end with this status. */
export function verify(src: string, dest: string, status: number): VerifyReport {
  const ended = synapseMigrator(verifyArgs(src, dest))
  assert.equal(ended.status, status, ended.stderr + ended.stdout.slice(0, 2000))
  return JSON.parse(ended.stdout)
}
