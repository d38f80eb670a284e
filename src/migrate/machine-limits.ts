import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { memoryForWorkers } from '../source/memory-plan.js'

/** What this process may use, also inside a container. */
export interface MachineLimits {
  /** How many cores it may keep busy, 1 or more. */
  readonly cores: number
  /** How much memory it may have, according to the machine or its cgroup. */
  readonly memoryBytes: number
}

/** The machine as the system reports it; tests replace it. */
export interface Machine {
  readonly cores: number
  readonly memoryBytes: number
  /** Where to find `proc` and the mounts that it lists. */
  readonly root: string
}

/** A mounted hierarchy of control groups, and this process's place in it. */
interface Hierarchy {
  readonly version: 1 | 2
  /** For version 1: what it controls. */
  readonly controllers: readonly string[]
  readonly mountDir: string
  /** This process's group as a path below `mountDir`. */
  readonly group: string
}

/**
 * The minimum of what the machine has (and of the cores that this process may use, as with `taskset`) and what the
 * control groups allow. Looks at versions 1 and 2, and at this process's own group and all its parents, as a
 * container's limit may be set on any of them.
 */
export function machineLimits(machine: Machine = thisMachine()): MachineLimits {
  const groups = hierarchies(machine.root)
  const quotas = groups.flatMap((hierarchy) => levels(hierarchy).map((dir) => coresOf(hierarchy, dir)))
  const limits = groups.flatMap((hierarchy) => levels(hierarchy).map((dir) => memoryOf(hierarchy, dir)))
  return {
    // The quota would only make an extra thread wait.
    cores: Math.max(1, Math.floor(Math.min(machine.cores, ...quotas))),
    memoryBytes: Math.min(machine.memoryBytes, ...limits),
  }
}

/** The default for `--memory`: 1 GiB, or more for many workers, but at most a quarter of what there is. */
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
  // Beyond memory.high, the kernel slows the group down until it is useless.
  const files = version === 2 ? ['memory.max', 'memory.high'] : ['memory.limit_in_bytes']
  const limits = files.map((file) => Number(words(join(dir, file))[0])).filter((limit) => limit > 0)
  return Math.min(...limits, Number.POSITIVE_INFINITY)
}

/** Directories of the group and of all its parents. */
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
    // A container may see the host's path of its group, although only its own group is mounted.
    const below = relative(mountRoot, own.path)
    const group = below.startsWith('..') ? '' : below
    return [{ version: type === 'cgroup2' ? 2 : 1, controllers, mountDir: join(root, mountPoint), group }]
  })
}

/** Undoes the kernel's escapes for spaces and the like in paths. */
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

/** Empty when there is no such file, as on other systems than Linux. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
