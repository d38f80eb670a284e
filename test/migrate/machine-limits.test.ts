import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { machineLimits } from '../../src/migrate/machine-limits.js'
import { tempDir } from '../support/cortex.js'

const GIB = 2 ** 30
/** What a group without a limit has: version 1 writes a number that no machine has. */
const UNLIMITED_V1 = '9223372036854771712\n'
const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n'
const V1 =
  '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n' +
  '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n' +
  '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n'

/** The limits of a machine of 64 cores and 256 GiB that has these files. */
function limitsOf(t: TestContext, files: Readonly<Record<string, string>>, cores = 64) {
  const root = tempDir(t)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return machineLimits({ cores, memoryBytes: 256 * GIB, root })
}

test('machineLimits() is the machine where there are no control groups, or none has a limit', (t) => {
  const all = { cores: 64, memoryBytes: 256 * GIB }
  assert.deepEqual(limitsOf(t, {}), all)
  assert.deepEqual(
    limitsOf(t, {
      'proc/self/cgroup': '0::/\n',
      'proc/self/mountinfo': V2,
      'sys/fs/cgroup/cpu.max': 'max 100000\n',
      'sys/fs/cgroup/memory.max': 'max\n',
    }),
    all,
  )
  assert.deepEqual(
    limitsOf(t, {
      'proc/self/cgroup': '4:memory:/\n1:cpu,cpuacct:/\n',
      'proc/self/mountinfo': V1,
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': UNLIMITED_V1,
    }),
    all,
  )
})

test('machineLimits() takes the quota and limit of a group of version 2, whole cores of it, at least one', (t) => {
  const limits = (cpu: string, memory: string, high = 'max') =>
    limitsOf(t, {
      'proc/self/cgroup': '0::/\n',
      'proc/self/mountinfo': V2,
      'sys/fs/cgroup/cpu.max': `${cpu}\n`,
      'sys/fs/cgroup/memory.max': `${memory}\n`,
      'sys/fs/cgroup/memory.high': `${high}\n`,
    })
  assert.deepEqual(limits('400000 100000', String(GIB)), { cores: 4, memoryBytes: GIB })
  assert.deepEqual(limits('250000 100000', 'max'), { cores: 2, memoryBytes: 256 * GIB })
  assert.deepEqual(limits('50000 100000', String(2 * GIB), String(GIB)), { cores: 1, memoryBytes: GIB })
  assert.deepEqual(limits('25000000 100000', String(512 * GIB)), { cores: 64, memoryBytes: 256 * GIB })
})

test('machineLimits() heeds the groups around its own: the tightest counts', (t) => {
  const own = 'sys/fs/cgroup/kubepods.slice/pod.slice/cri.scope'
  assert.deepEqual(
    limitsOf(t, {
      'proc/self/cgroup': '0::/kubepods.slice/pod.slice/cri.scope\n',
      'proc/self/mountinfo': V2,
      [`${own}/cpu.max`]: 'max 100000\n',
      [`${own}/memory.max`]: `${8 * GIB}\n`,
      [`${dirname(own)}/cpu.max`]: '300000 100000\n',
      [`${dirname(own)}/memory.max`]: `${2 * GIB}\n`,
      [`${dirname(dirname(own))}/memory.max`]: 'max\n',
    }),
    { cores: 3, memoryBytes: 2 * GIB },
  )
})

test('machineLimits() reads groups of version 1, each controller at its own path', (t) => {
  assert.deepEqual(
    limitsOf(t, {
      'proc/self/cgroup': '9:name=systemd:/x\n4:memory:/jobs/a\n1:cpu,cpuacct:/b\n0::/\n',
      'proc/self/mountinfo': V1,
      'sys/fs/cgroup/cpu,cpuacct/b/cpu.cfs_quota_us': '200000\n',
      'sys/fs/cgroup/cpu,cpuacct/b/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/memory/jobs/a/memory.limit_in_bytes': UNLIMITED_V1,
      'sys/fs/cgroup/memory/jobs/memory.limit_in_bytes': `${3 * GIB}\n`,
    }),
    { cores: 2, memoryBytes: 3 * GIB },
  )
})

test('machineLimits() finds the group of a container that sees the paths of its host', (t) => {
  const mountinfo = V1.replaceAll(' / /sys/fs/cgroup/', ' /docker/3f2a /sys/fs/cgroup/')
  assert.deepEqual(
    limitsOf(t, {
      'proc/self/cgroup': '4:memory:/docker/3f2a\n1:cpu,cpuacct:/docker/3f2a\n',
      'proc/self/mountinfo': mountinfo,
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '150000\n',
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '50000\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': `${GIB}\n`,
    }),
    { cores: 3, memoryBytes: GIB },
  )
  // The group may also be outside of what is mounted, and paths may have blanks.
  assert.deepEqual(
    limitsOf(t, {
      'proc/self/cgroup': '0::/../other\n',
      'proc/self/mountinfo': V2.replace('/sys/fs/cgroup', '/my\\040groups'),
      'my groups/cpu.max': '100000 100000\n',
    }),
    { cores: 1, memoryBytes: 256 * GIB },
  )
})

test('machineLimits() never has more cores than the process may run on', (t) => {
  const files = { 'proc/self/cgroup': '0::/\n', 'proc/self/mountinfo': V2, 'sys/fs/cgroup/cpu.max': '800000 100000\n' }
  assert.equal(limitsOf(t, files, 2).cores, 2)
  const script = `
    const { machineLimits } = await import('${join(import.meta.dirname, '../../src/migrate/machine-limits.js')}')
    console.log(machineLimits().cores)`
  const pinned = spawnSync('taskset', ['-c', '0', process.execPath, '--input-type=module', '-e', script])
  const free = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  assert.ok(Number(free.stdout) <= availableParallelism())
  // Without taskset, as on macOS, there is nothing to pin.
  if (pinned.error === undefined) assert.equal(Number(pinned.stdout), 1)
})
