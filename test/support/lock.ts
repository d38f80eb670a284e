import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { type Identity, ownIdentity } from '../../src/lock/identity.js'
import { newLockText } from '../../src/lock/lock-file.js'
import type { LockChild } from './lock-child.js'

/** Writes the lock of a process: this one, but for what is given. */
export function plantLock(path: string, holder: Partial<Identity> = {}): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, newLockText({ ...ownIdentity(), ...holder }).text)
}

/** Somebody else whom this process cannot see: another container of this machine. */
export const STRANGER: Partial<Identity> = { pidNamespace: 'pid:[1]', host: 'container' }

export interface StartedChild {
  readonly child: ChildProcess
  readonly lines: readonly string[]
  /** Resolves when it has said a line that matches; rejects when it ends without. */
  said(pattern: RegExp): Promise<string>
  readonly ended: Promise<{ code: number | null; signal: string | null; stderr: string }>
}

/** Starts a process that takes a lock; it ends with the test. */
export function startLockChild(t: TestContext, options: LockChild, env: NodeJS.ProcessEnv = {}): StartedChild {
  const script = join(import.meta.dirname, 'lock-child.js')
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  t.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    for (const look of [...waiting]) look()
  })
  const ended = new Promise<{ code: number | null; signal: string | null; stderr: string }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stderr })),
  )
  const said = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const line = lines.find((each) => pattern.test(each))
        if (line === undefined) return
        waiting.delete(look)
        resolve(line)
      }
      waiting.add(look)
      look()
      void ended.then(({ code, signal }) =>
        reject(new Error(`It ended with ${code ?? signal} before it said ${pattern}: ${lines.join('; ')} ${stderr}`)),
      )
    })
  return { child, lines, said, ended }
}
