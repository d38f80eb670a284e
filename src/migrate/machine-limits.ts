import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { memoryForWorkers } from '../source/memory-plan.js'

/** What this process may use, where it runs in a container as well. */
export interface MachineLimits {
  /** Cores it may keep busy at the same time, 1 or more. */
  readonly cores: number
  /** Memory it may have, of the machine or of its cgroup. */
  readonly memoryBytes: number
}

/** What the machine has as the system counts it; tests give others. */
export interface Machine {
  readonly cores: number
  readonly memoryBytes: number
  /** Where `proc` and what it says is mounted are found. */
  readonly root: string
}

/** A hierarchy of control groups that is mounted, and what of it this process is in. */
interface Hierarchy {
  readonly version: 1 | 2
  /** Of version 1: what it controls. */
  readonly controllers: readonly string[]
  readonly mountDir: string
  /** This process's group as a path below `mountDir`. */
  readonly group: string
}

/**
 * The least of what the machine has (the cores that the process may run on, as with `taskset`) and of what the control
 * groups allow, versions 1 and 2, this process's own and each one around it: a container's limit may be set at any of them.
 */
export function machineLimits(machine: Machine = thisMachine()): MachineLimits {
  const groups = hierarchies(machine.root)
  const quotas = groups.flatMap((hierarchy) => levels(hierarchy).map((dir) => coresOf(hierarchy, dir)))
  const limits = groups.flatMap((hierarchy) => levels(hierarchy).map((dir) => memoryOf(hierarchy, dir)))
  return {
    // A thread more than the quota would only be made to wait.
    cores: Math.max(1, Math.floor(Math.min(machine.cores, ...quotas))),
    memoryBytes: Math.min(machine.memoryBytes, ...limits),
  }
}

/** `--memory` where nobody says otherwise: 1 GiB, or more for many workers, but a quarter of what there is at most. */
export function defaultMemoryBytes({ cores, memoryBytes }: MachineLimits): number {
  return Math.min(Math.max(2 ** 30, memoryForWorkers(cores)), Math.floor(memoryBytes / 4))
}

function thisMachine(): Machine {
  return { cores: availableParallelism(), memoryBytes: totalmem(), root: '/' }
}

function coresOf({ version, controllers }: Hierarchy, dir: string): number {
  if (version === 1 && !controllers.includes('cpu')) return Number.POSITIVE_INFINITY
  const [quota, period] =
    version === 2
      ? words(join(dir, 'cpu.max'))
      : [words(join(dir, 'cpu.cfs_quota_us'))[0], words(join(dir, 'cpu.cfs_period_us'))[0]]
  const cores = Number(quota) / Number(period)
  return cores > 0 ? cores : Number.POSITIVE_INFINITY
}

function memoryOf({ version, controllers }: Hierarchy, dir: string): number {
  if (version === 1 && !controllers.includes('memory')) return Number.POSITIVE_INFINITY
  // Where memory.high is passed, the group is slowed down until it is of no use.
  const files = version === 2 ? ['memory.max', 'memory.high'] : ['memory.limit_in_bytes']
  const limits = files.map((file) => Number(words(join(dir, file))[0])).filter((limit) => limit > 0)
  return Math.min(...limits, Number.POSITIVE_INFINITY)
}

/** Directories of the group and of all around it. */
function levels({ mountDir, group }: Hierarchy): string[] {
  const names = group.split('/').filter((name) => name !== '')
  return Array.from({ length: names.length + 1 }, (_, i) => join(mountDir, ...names.slice(0, i)))
}

function hierarchies(root: string): Hierarchy[] {
  const groups = lines(join(root, 'proc/self/cgroup')).map((line) => {
    const [id, controllers, ...path] = line.split(':')
    return { id, controllers: controllers.split(','), path: path.join(':') }
  })
  return lines(join(root, 'proc/self/mountinfo')).flatMap((line): Hierarchy[] => {
    const [head, tail = ''] = line.split(' - ')
    const [, , , mountRoot = '', mountPoint = ''] = head.split(' ').map(unescaped)
    const [type, , options = ''] = tail.split(' ')
    if (type !== 'cgroup' && type !== 'cgroup2') return []
    const controllers = type === 'cgroup2' ? [] : options.split(',')
    const own = groups.find((group) =>
      type === 'cgroup2'
        ? group.id === '0'
        : group.controllers.some((name) => name !== '' && controllers.includes(name)),
    )
    if (own === undefined) return []
    // A container may see the path that its group has on the host, and only its own group mounted.
    const below = relative(mountRoot, own.path)
    const group = below.startsWith('..') ? '' : below
    return [{ version: type === 'cgroup2' ? 2 : 1, controllers, mountDir: join(root, mountPoint), group }]
  })
}

/** As the kernel writes blanks and the like in paths. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}

function lines(path: string): string[] {
  return read(path)
    .split('\n')
    .filter((line) => line !== '')
}

function words(path: string): string[] {
  return read(path).trim().split(/\s+/)
}

/** Empty where there is no such file, as on systems other than Linux. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
