import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Identifies a process among all that may share a directory, in other containers and hosts too. */
export interface Identity {
  readonly host: string
  /** Boot id of the running kernel; empty when the system has none. */
  readonly bootId: string
  /** The namespace that the pid belongs to, like `pid:[4026531836]`: a container has its own. */
  readonly pidNamespace: string
  readonly pid: number
  /** When the process started, in clock ticks since boot, because pids are reused. Empty when unknown. */
  readonly startTicks: string
}

/** This process. */
export function ownIdentity(): Identity {
  return {
    host: hostname(),
    bootId: read('/proc/sys/kernel/random/boot_id').trim(),
    pidNamespace: link('/proc/self/ns/pid'),
    pid: process.pid,
    startTicks: startTicksOf('self'),
  }
}

/** Whether the two can see each other's process, so that we can know for sure whether it runs. */
export function isNeighbor(one: Identity, other: Identity): boolean {
  return one.host === other.host && one.bootId === other.bootId && one.pidNamespace === other.pidNamespace
}

/** Whether a neighbor is alive; null when we cannot tell. */
export function isRunning({ pid, startTicks }: Identity): boolean | null {
  if (!isAlive(pid)) return false
  // A /proc mounted for another namespace has other pids, and one with hidepid shows only our own processes.
  const found = link('/proc/self') === String(process.pid) ? startTicksOf(pid) : ''
  if (found === '' || startTicks === '') return null
  return found === startTicks
}

/** Describes a process for messages, from the point of view of another one. */
export function describe(holder: Identity, seenBy: Identity): string {
  if (isNeighbor(holder, seenBy)) return `process ${holder.pid}`
  if (holder.bootId !== '' && holder.bootId === seenBy.bootId) {
    return `process ${holder.pid} of another container on this machine ("${holder.host}")`
  }
  return `process ${holder.pid} on host "${holder.host}"`
}

function startTicksOf(pid: number | 'self'): string {
  const stat = read(`/proc/${pid}/stat`)
  // The command name, in parentheses, may contain spaces and parentheses too.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
