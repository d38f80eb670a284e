import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SOURCE = fileURLToPath(new URL('../../../test/faults/shim.c', import.meta.url))

/** What happens to calls below a directory; test/faults/shim.c tells more. */
export interface Fault {
  readonly does: 'kill' | 'eio' | 'enospc' | 'emfile' | 'eacces' | 'short' | 'hang'
  /** The how-manieth of the calls that match. */
  readonly at: number
  readonly call?: string
  readonly glob?: string
  readonly sticky?: boolean
}

let built: string | null = null

/** Compiles the shim, once in a process. */
function shim(): string {
  if (built !== null) return built
  const dir = mkdtempSync(join(tmpdir(), 'shim-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const path = join(dir, 'shim.so')
  const { error, status, stderr } = spawnSync(
    process.env.CC ?? 'cc',
    ['-O1', '-shared', '-fPIC', '-o', path, SOURCE, '-ldl'],
    { encoding: 'utf8' },
  )
  if (error !== undefined) throw new Error(`Fault campaigns need a C compiler, "cc" or $CC: ${error.message}`)
  if (status !== 0) throw new Error(`Cannot compile ${SOURCE}: ${stderr}`)
  built = path
  return path
}

/** Files that the shim adds each call to. */
export interface Logs {
  readonly trace?: string
  readonly record?: string
}

/** The environment of a process, and of those that it starts, whose changes below `root` the shim looks at. */
export function shimmed(root: string, scratch: string, faultOrLogs: Fault | Logs) {
  const state = join(scratch, 'state')
  writeFileSync(state, Buffer.alloc(4096))
  const env: Record<string, string> = { LD_PRELOAD: shim(), FAULT_ROOT: root, FAULT_STATE: state }
  if (!('does' in faultOrLogs)) {
    const { trace, record } = faultOrLogs
    return { ...env, ...(trace && { FAULT_TRACE: trace }), ...(record && { FAULT_RECORD: record }) }
  }
  const { does, at, call, glob, sticky } = faultOrLogs
  return {
    ...env,
    FAULT_DO: does,
    FAULT_AT: String(at),
    ...(call !== undefined && { FAULT_CALL: call }),
    ...(glob !== undefined && { FAULT_GLOB: glob }),
    ...(sticky === true && { FAULT_STICKY: '1' }),
  }
}

/** How many calls of a run with a fault matched. */
export function hits(scratch: string): number {
  return Number(readFileSync(join(scratch, 'state')).readBigUInt64LE(8))
}
