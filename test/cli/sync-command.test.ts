import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { PackMap } from '../../src/bytes/msgpack.js'
import { syncCommand } from '../../src/cli/sync-command.js'
import { openProxy } from '../../src/telepath/client.js'
import { LAYER } from '../support/fake-sync.js'
import { tempDir } from '../support/fixture.js'
import { type ServedCortex, serveDest, serveSource } from '../support/served-cortex.js'

const dir = tempDir()
const offsets = yaml('offsets.yaml', `${LAYER}: {nextoffs: 0, created: 1}\n`)
let source: ServedCortex
let dest: ServedCortex
let services = 0

before(async () => {
  source = await serveSource()
  dest = await serveDest()
})

after(async () => {
  await source.close()
  await dest.close()
})

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly dirn: string
}

class Service {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly result: Promise<Result>

  constructor(
    args: string[],
    env: Record<string, string> = {},
    readonly dirn = join(dir, `service${services++}`),
    wrapper: readonly string[] = [process.execPath],
  ) {
    const words = ['bin/sync_020.mjs', this.dirn, '--telepath', 'tcp://127.0.0.1:0/', '--https', 'none', ...args]
    const { SYN_LOG_LEVEL: _, ...clean } = process.env
    this.child = spawn(wrapper[0], [...wrapper.slice(1), ...words], { env: { ...clean, ...env }, timeout: 120_000 })
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.result = new Promise((resolve) => {
      this.child.on('close', (code) => {
        resolve({ code, stdout: this.stdout, stderr: this.stderr, dirn: this.dirn })
      })
    })
  }

  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const found = this.stderr.match(pattern) ?? this.stdout.match(pattern)
      if (found) return found
      assert.equal(this.child.exitCode, null, `it ended: ${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

/** Runs until it ends by itself; whatever it says must not hold the password of any url. */
async function run(args: string[], env: Record<string, string> = {}): Promise<Result> {
  const result = await new Service(args, env).result
  assert.doesNotMatch(result.stdout + result.stderr, /hunter2|wrongpw/)
  return result
}

function yaml(name: string, text: string): string {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

/** The line that tells what is wrong, and the exit code; in this process, as so many cases would start it too often. */
async function refusal(args: string[], env: Record<string, string> = {}): Promise<[string, number]> {
  let stderr = ''
  const { write } = process.stderr
  const before = Object.keys(env).map((key) => [key, process.env[key]] as const)
  Object.assign(process.env, env)
  process.stderr.write = (text) => {
    stderr += text
    return true
  }
  let code: number
  try {
    const dirn = join(dir, `service${services++}`)
    code = await syncCommand('sync_020').run([dirn, '--telepath', 'tcp://127.0.0.1:0/', '--https', 'none', ...args])
  } finally {
    process.stderr.write = write
    for (const [key, value] of before) {
      if (value === undefined) delete process.env[key]
      else process.env[key] = value
    }
  }
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '))
  assert.equal(errors.length, 1, `${args}: ${stderr}`)
  assert.doesNotMatch(stderr, /hunter2|wrongpw|\n {4}at /)
  return [errors[0], code]
}

test('arguments that cannot be used end with 2 and one line', async () => {
  const cases: [string[], RegExp][] = [
    [['two'], /too many arguments/],
    [['--newp'], /unknown option/],
    [['--poll_s', 'x'], /poll_s/],
    [['--err_lim', '1.5'], /err_lim/],
    [['--https', 'tcp://root:hunter2@h/'], /https/],
    [['--https', '127.0.0.1'], /https/],
    [['--https', 'h:65536'], /https/],
    [['--https', '::1:4443'], /https/],
    [['--auth-passwd', 'hunter2', '--auth-passwd-file', 'f'], /auth-passwd-file/],
    [['--log-level', 'LOUD'], /log-level/],
    [['--o', 'x'], /ambiguous/],
    [['--start', 'now'], /start/],
  ]
  for (const [args, wanted] of cases) {
    const [error, code] = await refusal(args)
    assert.match(error, wanted)
    assert.equal(code, 2)
  }
  assert.equal((await refusal([], { SYN_LOG_LEVEL: 'LOUD' }))[1], 2)
})

test('configuration that cannot be used ends with 3, before a directory is made', async () => {
  const cases: [string[], Record<string, string>][] = [
    [['--queue_size', '0'], {}],
    [['--poll_s', '0'], {}],
    [['--err_lim', '-2'], {}],
    [['--offs_logging', '-1'], {}],
    [[], { SYN_SYNCMIGRATOR_POLL_S: 'hunter2' }],
    [[], { SYN_SYNCMIGRATOR_HTTPS: 'hunter2' }],
    [['--message-bytes', '1000'], {}],
    [['--message-bytes', '5G'], {}],
    [['--message-bytes', 'many'], {}],
    [['--auth-passwd-file', yaml('empty', '\n')], {}],
  ]
  for (const [args, env] of cases) {
    const [error, code] = await refusal(args, env)
    assert.match(error, /^error: Cannot use /)
    assert.equal(code, 3)
    assert.equal(existsSync(join(dir, `service${services - 1}`)), false)
  }
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const [error, code] = await refusal(['--telepath', `tcp://127.0.0.1:${port}/`])
  assert.match(error, /the port is in use/)
  assert.equal(code, 3)
  taken.close()
})

test('every mistake in urls and offsets file is one sentence at the start, and makes no file', async () => {
  const port1 = 'tcp://root:hunter2@127.0.0.1:1/'
  const wrong = (url: string) => url.replace('hunter2', 'wrongpw')
  const missing = join(dir, 'no', 'such', 'offsets.yaml')
  const good = { src: source.url, dest: dest.url, offsfile: offsets }
  const cases: [Partial<Record<keyof typeof good, string | null>>, RegExp][] = [
    [{ offsfile: null }, /no offsets file is configured/],
    [{ offsfile: missing }, /there is no such file/],
    [{ offsfile: yaml('list.yaml', '- 1\n') }, /not a map/],
    [{ offsfile: yaml('none.yaml', `${LAYER}: {}\n`) }, /has no nextoffs/],
    [{ offsfile: yaml('negative.yaml', `${LAYER}: {nextoffs: -1}\n`) }, /not an offset/],
    [{ offsfile: yaml('text.yaml', `${LAYER}: {nextoffs: many}\n`) }, /not an offset/],
    [{ offsfile: yaml('odd.yaml', 'abc: {nextoffs: 1}\n') }, /not a layer iden/],
    [{ offsfile: yaml('unknown.yaml', `${'4'.repeat(32)}: {nextoffs: 1}\n`) }, /NoSuchLayer/],
    [{ dest: null }, /Cannot open the destination: no url/],
    [{ dest: wrong(dest.url) }, /destination says: AuthDeny/],
    [{ dest: dest.url.replace('root', 'newp') }, /destination says: NoSuchUser/],
    [{ dest: dest.url.replace('root', 'analyst') }, /destination says: AuthDeny: .*User is not an admin/],
    [{ dest: port1 }, /ECONNREFUSED/],
    [{ dest: 'foo://root:hunter2@h:1/' }, /its scheme is none of/],
    [{ dest: 'hunter2' }, /it has no ":\/\/"/],
    [{ dest: `cell://${dir}/nowhere` }, /ENOENT/],
    [{ src: null }, /Cannot open the source: no url/],
    [{ src: wrong(source.url) }, /source says: AuthDeny/],
    [{ src: dest.url, dest: source.url }, /its version is 0\.1\.58/],
  ]
  for (const [changes, wanted] of cases) {
    const options = Object.entries({ ...good, ...changes }).flatMap(([key, value]) =>
      value === null ? [] : [`--${key}`, value as string],
    )
    const [error, code] = await refusal([...options, '--start', 'file'])
    assert.match(error, wanted)
    assert.equal(code, 3, error)
  }
  assert.equal(existsSync(join(dir, 'no')), false)
  assert.deepEqual([dest.pushed, dest.migrationMode], [[], false])
})

test('the service prints where it listens, serves, and ends with 0 at a signal', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const service = new Service(['--auth-passwd', 'hunter2', '--name', 'migrsync', '--log-l', 'debug'])
    const [, port] = await service.says(/telepath port (\d+), https port none/)
    const proxy = await openProxy(`tcp://root:hunter2@127.0.0.1:${port}/migrsync`)
    assert.equal(await proxy.call('getCellType'), 'syncmigrator')
    service.child.kill(signal)
    const { code, stdout, stderr } = await service.result
    assert.equal(code, 0)
    assert.equal(
      stdout,
      '...syncmigrator API (telepath): tcp://127.0.0.1:0/\n...syncmigrator API (https): disabled\n' +
        `...syncmigrator API (telepath name): migrsync\nCaught ${signal}, shutting down.\n`,
    )
    assert.match(stderr, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[INFO\] log level set to DEBUG \[/)
    assert.doesNotMatch(stderr, /hunter2/)
    await proxy.close()
  }
})

test('--start file --until-caught-up ends with 0 once everything is in sync; the state is JSON', async () => {
  const until = ['--start', 'file', '--until', '--json', '--poll', '0.2']
  const { code, stdout, dirn } = await run(['--src', source.url, '--dest', dest.url, '--offsf', offsets, ...until])
  assert.equal(code, 0)
  const states = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(states.at(-1).layers[0].iden, LAYER)
  assert.equal(states.at(-1).schema_version, 1)
  assert.equal(dest.migrationMode, true)
  assert.match(readFileSync(join(dirn, 'cell.guid'), 'utf8'), /^[0-9a-f]{32}$/)
})

test('--until-caught-up --stop turns migration mode off at the end, and --stop alone is refused', async () => {
  const until = ['--start', 'file', '--until', '--stop', '--poll', '0.2']
  const switches = dest.modeSwitches
  const { code } = await run(['--src', source.url, '--dest', dest.url, '--offsf', offsets, ...until])
  assert.equal(code, 0)
  assert.deepEqual([dest.migrationMode, dest.modeSwitches > switches], [false, true])
  assert.deepEqual(await refusal(['--stop']), ['error: Cannot use --stop alone: it says how --until-caught-up ends', 2])
})

test('--until-caught-up --stop ends with 6 when migration mode could not be switched off, as triggers would stay off', async (t) => {
  const until = ['--start', 'file', '--until', '--stop', '--poll', '0.2']
  dest.keepsMode = true
  t.after(() => {
    dest.keepsMode = false
  })
  const { code, stderr } = await run(['--src', source.url, '--dest', dest.url, '--offsf', offsets, ...until])
  assert.equal(code, 6)
  assert.match(stderr, /error: The sync was stopped, but migration mode is still on at the destination: AuthDeny/)
})

test('--until-caught-up ends with 8 when changes could not be applied, and with 143 when it was interrupted', async () => {
  const splice = (form: string) => [
    'node:add',
    new PackMap([
      ['ndef', [form, 'x']],
      ['time', 1],
    ]),
  ]
  const odd = await serveSource([splice('inet:newp')])
  const args = ['--src', odd.url, '--dest', dest.url, '--offsf', offsets, '--start', 'file', '--poll', '0.2']
  const failed = await run([...args, '--until'])
  assert.equal(failed.code, 8, failed.stderr)
  await odd.close()
  // A source that cannot be reached is never caught up with, however long the signal takes to arrive.
  const nowhere = ['--src', 'tcp://root:secret@127.0.0.1:1/', '--dest', dest.url, '--offsf', offsets]
  const service = new Service([...nowhere, '--start', 'file', '--until', '--poll', '0.2'])
  await service.says(/127\.0\.0\.1:1/)
  service.child.kill('SIGTERM')
  const { code } = await service.result
  assert.equal(code, 143)
})

test('a service that was syncing goes on by itself after it was killed', async () => {
  const first = new Service(['--src', source.url, '--dest', dest.url, '--offsf', offsets, '--start', 'file'])
  await first.says(/Sync of layer/)
  first.child.kill('SIGKILL')
  await first.result
  dest.migrationMode = false
  const words = ['bin/sync_020.mjs', first.dirn, '--telepath', 'tcp://127.0.0.1:0/', '--https', 'none', '--until']
  const again = spawn(process.execPath, [...words, '--src', source.url, '--dest', dest.url, '--poll_s', '0.2'])
  const code = await new Promise((resolve) => again.on('close', resolve))
  assert.equal(code, 0)
  assert.equal(dest.migrationMode, true)
})

test('of two services that are started on one directory at the same moment, one is refused with 10', async () => {
  const one = new Service([])
  const services = [one, new Service([], {}, one.dirn), new Service([], {}, one.dirn)]
  const isUp = ({ stderr }: Service) => stderr.includes('Listening')
  while (!services.some(isUp)) await new Promise((resolve) => setTimeout(resolve, 20))
  const up = services.find(isUp) as Service
  for (const other of services.filter((each) => each !== up)) {
    const { code, stderr } = await other.result
    assert.equal(code, 10, stderr)
    assert.match(stderr, /^error: Cannot start on ".*": process \d+ runs a service there\nhint: Wait for it to end/m)
  }
  up.child.kill('SIGTERM')
  assert.equal((await up.result).code, 0)
  assert.equal(existsSync(join(one.dirn, 'sync.lock')), false)
  // What was killed with the lock is no hindrance.
  const killed = new Service([], {}, one.dirn)
  while (!isUp(killed)) await new Promise((resolve) => setTimeout(resolve, 20))
  killed.child.kill('SIGKILL')
  await killed.result
  const next = new Service([], {}, one.dirn)
  while (!isUp(next)) await new Promise((resolve) => setTimeout(resolve, 20))
  next.child.kill('SIGTERM')
  assert.equal((await next.result).code, 0)
  assert.doesNotMatch(next.stderr, /watching/)
})

test('with umask 0 and a directory that was there before, nobody but the owner gets at the service', async () => {
  const dirn = join(dir, 'open')
  mkdirSync(dirn)
  chmodSync(dirn, 0o755)
  const passwd = yaml('passwd', 'hunter2\nmore\n')
  const script = 'umask 0; exec "$0" "$@"'
  const service = new Service(['--auth-passwd-file', passwd, '--https', '127.0.0.1:0'], {}, dirn, [
    'sh',
    '-c',
    script,
    process.execPath,
  ])
  const [, port] = await service.says(/telepath port (\d+), https port \d+/)
  assert.match(service.stdout, /^\.\.\.syncmigrator API \(https\): 127\.0\.0\.1:0$/m)
  const proxy = await openProxy(`tcp://root:hunter2@127.0.0.1:${port}/`)
  await proxy.close()
  assert.equal(statSync(dirn).mode & 0o777, 0o700)
  const found = readdirSync(dirn, { recursive: true, encoding: 'utf8' }).map((name) => join(dirn, name))
  assert.ok(found.some((name) => name.endsWith('sock')))
  for (const name of found) assert.equal(statSync(name).mode & 0o077, 0, name)
  service.child.kill('SIGTERM')
  const { code, stdout, stderr } = await service.result
  assert.equal(code, 0)
  assert.doesNotMatch(stdout + stderr, /hunter2/)
})

test('a directory whose socket has a path that the system would cut is served, killed and served again', async () => {
  const base = join(dir, 'long-directory-name-'.repeat(6))
  const killed = new Service([], {}, base)
  await killed.says(/Listening/)
  killed.child.kill('SIGKILL')
  await killed.result
  const next = new Service([], {}, base)
  await next.says(/Listening/)
  const refused = await new Service([], {}, base).result
  assert.equal(refused.code, 10)
  const proxy = await openProxy(`cell://${base}`)
  assert.equal(await proxy.call('getCellType'), 'syncmigrator')
  await proxy.close()
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.startsWith('long-')),
    [basename(base)],
  )
  next.child.kill('SIGTERM')
  assert.equal((await next.result).code, 0)
})
