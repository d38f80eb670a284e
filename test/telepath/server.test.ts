import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { openProxy } from '../../src/telepath/client.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import { FrameSplitter } from '../../src/telepath/frames.js'
import { type ServerLimits, TelepathServer } from '../../src/telepath/server.js'
import type { Generator, Method, Shared } from '../../src/telepath/shared.js'
import { parseUrl } from '../../src/telepath/url.js'
import { type Exchange, exchangesOf, loadRecording, partsOf } from '../support/recorded.js'

/** v1 tasks and dynamic shares are not served; task links alone have no session here. */
const NOT_SERVED = /-(33|50)-|e2e-0[12]|vectors/

const recordings = readdirSync('test/fixtures/telepath').filter(
  (file) => /^(\d|e2e)/.test(file) && !NOT_SERVED.test(file),
)

for (const file of recordings) {
  test(`TelepathServer answers a recorded client as its server did: ${file}`, async () => {
    await replay(exchangesOf(loadRecording(file)))
  })
}

test('recordings were found', () => assert.ok(recordings.length >= 37, `${recordings.length}`))

/** Says what the recorded client said, and compares the answers byte for byte; only sessions differ. */
async function replay(exchanges: Map<number, Exchange[]>): Promise<void> {
  const all = [...exchanges.values()].flat()
  const server = new TelepathServer({ ...partsFrom(all), log: () => {} })
  const port = await server.listen(parseUrl('tcp://127.0.0.1:0/'))
  const sessions = new Map<string, string>()
  const links: Client[] = []
  try {
    for (const link of exchanges.values()) {
      const client = await Client.open(port as number)
      links.push(client)
      for (const { request, replies } of link) {
        if (isRedacted({ request, replies })) continue
        client.send(renamed(request, sessions))
        for (const wanted of replies) compare(await client.next(), wanted, sessions)
      }
    }
  } finally {
    for (const link of links) link.close()
    await server.close()
  }
}

function compare(found: Uint8Array, wanted: Uint8Array, sessions: Map<string, string>): void {
  const [a, b] = [partsOf(found), partsOf(wanted)]
  assert.equal(a.type, b.type)
  const sess = b.info.get('sess')
  if (typeof sess === 'string') sessions.set(sess, a.info.get('sess') as string)
  const failure = failureOf(b.info)
  if (failure === undefined) {
    assert.deepEqual(Buffer.from(found), Buffer.from(renamed(wanted, sessions)))
    return
  }
  const [name, info] = failureOf(a.info) as [string, PackMap]
  assert.equal(name, failure[0])
  for (const [key, value] of failure[1].entries) {
    // Where in the peer's source it was raised is its own affair.
    if (!/^e(file|line|src|name)$/.test(String(key))) assert.deepEqual(info.get(String(key)), value, String(key))
  }
}

/** A server's parts that know users root and visi, and answer every recorded call with what was recorded. */
function partsFrom(all: readonly Exchange[]) {
  const opened = new Map<string, Value[]>()
  const methods = new Map<string, Method<string> | Generator<string>>()
  const answers = all.filter((each) => partsOf(each.request).type === 't2:init' && !isRedacted(each))
  for (const { request, replies } of answers) {
    const [name] = partsOf(request).info.get('todo') as [string]
    const retns = replies.map((each) => partsOf(each).info.get('retn') ?? null)
    const genr = partsOf(replies[0]).type === 't2:genr'
    const params = PARAMS.get(name) ?? Array.from({ length: 6 }, (_, i) => `arg${i}?`)
    const refused = failureOf(partsOf(replies[0]).info)
    if (/NoSuchMeth|NoSuchObj/.test(refused?.[0] ?? '')) continue
    if (/positional argument/.test(String(refused?.[1].get('mesg')))) {
      if (!methods.has(name)) methods.set(name, { params, run: () => null })
      continue
    }
    const queue = opened.get(name) ?? []
    opened.set(name, queue)
    queue.push(genr ? retns.slice(1) : retns)
    if (genr) {
      methods.set(name, {
        params,
        async *yields() {
          for (const retn of queue.shift() as Value[]) if (retn !== null) yield resultOf(retn)
        },
      })
    } else methods.set(name, { params, run: () => resultOf((queue.shift() as Value[])[0]) })
  }
  const told = all.flatMap((each) => (each.replies[0] ? [partsOf(each.replies[0]).info.get('sharinfo')] : []))
  const sharinfos = told.filter((each) => each instanceof PackMap)
  return {
    hasShare: (name: string) => ['*', 'cortex'].includes(name),
    authenticate: async (auth: { name: string; passwd: Value } | null) => {
      if (!auth) throw TelepathError.of('AuthDeny', { mesg: 'Unable to find cell user' })
      if (!['root', 'visi'].includes(auth.name)) {
        throw TelepathError.of('NoSuchUser', { name: auth.name, mesg: `No such user: ${auth.name}.` })
      }
      const good = auth.passwd === (auth.name === 'root' ? 'secret' : 'visi')
      if (!good) throw TelepathError.of('AuthDeny', { mesg: 'Invalid password', user: auth.name })
      return auth.name
    },
    open: (_: string, path: readonly string[]): Shared<string> => {
      if (path[0] === 'layer' && /^(f{32}|0{32}|newp)$/.test(path[1])) {
        throw TelepathError.of('NoSuchLayer', { iden: path[1] })
      }
      if (path.length > 0 && path[0] !== 'layer') throw TelepathError.of('NoSuchPath', { path: [...path] })
      const sharinfo = sharinfos.shift() as PackMap
      const generators = (sharinfo.get('meths') as PackMap).entries.map(([name]) => name as string)
      const offered = new Map([...methods].filter(([name, each]) => !('yields' in each) || generators.includes(name)))
      for (const name of generators) offered.set(name, generatorOf(methods.get(name)))
      return {
        classes: sharinfo.get('classes') as string[],
        version: sharinfo.get('syn:version') as [number, number, number],
        methods: offered,
      }
    },
  }
}

function isRedacted(exchange: Exchange): boolean {
  return exchange.replies.length === 0 && partsOf(exchange.request).type === 't2:init'
}

/** What is listed as a generator; where its call itself fails, the reply is a plain t2:fini. */
function generatorOf(method: Method<string> | Generator<string> | undefined): Generator<string> {
  if (!method) return { yields: () => [] }
  if ('yields' in method) return method
  return {
    params: method.params ?? [],
    yields: (caller, ...args) => {
      method.run(caller, ...args)
      return []
    },
  }
}

const PARAMS = new Map([
  ['splices', ['offs', 'size']],
  ['allowed', ['perm', 'default?']],
])

function resultOf(retn: Value): Value {
  const [ok, value] = retn as [boolean, Value]
  if (ok) return value
  const [name, info] = value as [string, PackMap]
  throw new TelepathError(name, info)
}

function failureOf(info: PackMap): [string, PackMap] | undefined {
  const retn = info.get('retn')
  return Array.isArray(retn) && retn[0] === false ? (retn[1] as [string, PackMap]) : undefined
}

/** The message with every known session of the recording replaced by the one that stands for it now. */
function renamed(message: Uint8Array, sessions: Map<string, string>): Uint8Array {
  let text = Buffer.from(message).toString('latin1')
  for (const [old, now] of sessions) text = text.replaceAll(old, now)
  return Buffer.from(text, 'latin1')
}

/** A bare connection that speaks bytes. */
class Client {
  private frames: Uint8Array[] = []
  private wake = () => {}
  private readonly splitter = new FrameSplitter(1 << 26)
  ended = false

  static async open(port: number): Promise<Client> {
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Client(socket)
  }

  constructor(readonly socket: Socket) {
    socket.on('error', () => {})
    socket.on('data', (data) => {
      this.frames.push(...this.splitter.push(data))
      this.wake()
    })
    socket.on('close', () => {
      this.ended = true
      this.wake()
    })
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  async next(): Promise<Uint8Array> {
    while (this.frames.length === 0) {
      assert.ok(!this.ended, 'the server closed the connection')
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    return this.frames.shift() as Uint8Array
  }

  async closed(): Promise<void> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
  }

  close(): void {
    this.socket.destroy()
  }
}

// --- against strangers --------------------------------------------------------------------------------------------------

const NARROW: Partial<ServerLimits> = { maxFirstFrameBytes: 4096, maxFrameBytes: 1 << 16, frameMs: 100 }

let server: TelepathServer<string>
let port: number

before(async () => {
  ;[server, port] = await serve(NARROW)
})

after(() => server.close())

async function serve(limits: Partial<ServerLimits>): Promise<[TelepathServer<string>, number]> {
  const made = new TelepathServer<string>({
    hasShare: (name) => name === '*',
    authenticate: async (auth) => {
      if (auth?.name !== 'root' || auth.passwd !== 'secret') throw TelepathError.of('AuthDeny', { mesg: 'no' })
      return 'root'
    },
    open: () => ({
      classes: ['test.Test'],
      version: [2, 0, 0],
      methods: new Map<string, Method<string> | Generator<string>>([
        ['echo', { params: ['value'], run: (_, value) => value }],
        ['count', { params: ['to'], yields: (_, to) => Array.from({ length: Number(to) }, (_, i) => i) }],
        ['bug', { run: () => (undefined as unknown as { x: number }).x }],
      ]),
    }),
    log: () => {},
    limits,
  })
  return [made, (await made.listen(parseUrl('tcp://127.0.0.1:0/'))) as number]
}

async function stillServes(at = port): Promise<void> {
  const proxy = await openProxy(`tcp://root:secret@127.0.0.1:${at}/`)
  assert.equal(await proxy.call('echo', ['hello']), 'hello')
  await proxy.close()
}

test('nobody is served without credentials', async () => {
  for (const user of ['', 'root@', 'root:@', 'root:wrong@', ':secret@', 'visi:secret@']) {
    const opening = openProxy(`tcp://${user}127.0.0.1:${port}/`)
    await assert.rejects(opening, (error) => error instanceof TelepathError && error.name === 'AuthDeny', user)
  }
  const client = await Client.open(port)
  for (const sess of [null, '', 'f'.repeat(32), 7, ['x']] as Value[]) {
    const todo: Value = ['echo', [1], new PackMap([])]
    client.send(encode(['t2:init', new PackMap(Object.entries({ todo, name: null, sess }))]))
    assert.equal(failureOf(partsOf(await client.next()).info)?.[0], 'NoSuchObj')
  }
  client.close()
  await stillServes()
})

test('garbage, odd messages and objects beyond the limit end their own connection only', async () => {
  const bad = [
    'c1',
    '00',
    'c0',
    '90',
    '92c0c0',
    '93a3666f6f80c0',
    '92a3666f6fc0',
    '92a3ffffff80', // text that is not UTF-8
    'dd7fffffff',
    'df7fffffff',
    'c6ffffffff',
    `92a874656c653a73796e81a476657273${'91'.repeat(600)}c0`, // nested too deep
    '474554202f20485454502f312e310d0a0d0a', // a browser
  ]
  for (const hex of bad) {
    const client = await Client.open(port)
    client.send(Buffer.from(hex, 'hex'))
    await client.closed()
  }
  // What is cut short is dropped when its time is over.
  const client = await Client.open(port)
  client.send(Buffer.from('92a874656c653a', 'hex'))
  await client.closed()
  await stillServes()
})

test('a message that drips in slower than its time is dropped', async () => {
  const message = encode(['tele:syn', new PackMap([['vers', [3, 0]]])])
  const client = await Client.open(port)
  for (const byte of message) {
    if (client.ended) break
    client.send(Uint8Array.of(byte))
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  assert.ok(client.ended)
  await stillServes()
})

test('odd todos of an authenticated client are answered, and the link goes on', async () => {
  const proxy = await openProxy(`tcp://root:secret@127.0.0.1:${port}/`)
  const failing = async (method: string, args: Value[], kwargs: Record<string, Value>, name: string, mesg: RegExp) => {
    await assert.rejects(proxy.call(method, args, kwargs), (error) => {
      assert.ok(error instanceof TelepathError)
      assert.equal(error.name, name)
      assert.match(error.message, mesg)
      return true
    })
  }
  await failing('nope', [], {}, 'NoSuchMeth', /nope/)
  await failing('_echo', [], {}, 'NoSuchMeth', /_echo/)
  await failing('toString', [], {}, 'NoSuchMeth', /toString/)
  await failing('echo', [], {}, 'TypeError', /missing 1 required positional argument: \\?'value/)
  await failing('echo', [1, 2], {}, 'TypeError', /takes 2 positional arguments but 3 were given/)
  await failing('echo', [1], { value: 2 }, 'TypeError', /multiple values/)
  await failing('echo', [], { newp: 2 }, 'TypeError', /unexpected keyword/)
  await failing('bug', [], {}, 'SynErr', /internal error/)
  assert.equal(await proxy.call('echo', [], { value: 5 }), 5)
  assert.deepEqual(proxy.links, { idle: 1, busy: 0 })
  await proxy.close()
})

test('a client that leaves in the middle of a generator frees its link, and one that reads slowly holds the server up', async () => {
  const proxy = await openProxy(`tcp://root:secret@127.0.0.1:${port}/`)
  let seen = 0
  for await (const item of proxy.generate('count', [100_000])) {
    assert.equal(decode(item), seen++)
    if (seen === 1000) break
  }
  assert.deepEqual(proxy.links, { idle: 0, busy: 0 })
  const items = []
  for await (const item of proxy.values('count', [3])) items.push(item)
  assert.deepEqual(items, [0, 1, 2])
  await proxy.close()
})

test('1,000 idle connections neither stop the service nor stay forever', async () => {
  const [crowded, at] = await serve({ introductionMs: 1500, linksPerPeer: 300 })
  const idle = await Promise.all(Array.from({ length: 1000 }, () => Client.open(at)))
  await stillServes(at)
  assert.ok(crowded.counts.links <= 300, `${crowded.counts.links} links`)
  for (const client of idle) await client.closed()
  await stillServes(at)
  await crowded.close()
})

test('a stranger that talks on and shows no password is dropped', async () => {
  const client = await Client.open(port)
  const syn = encode([
    'tele:syn',
    new PackMap(Object.entries({ auth: ['root', new PackMap([['passwd', 'x']])], vers: [3, 0] })),
  ])
  for (let i = 0; i < 16; i++) {
    client.send(syn)
    assert.equal(failureOf(partsOf(await client.next()).info)?.[0], 'AuthDeny')
  }
  client.send(syn)
  await client.closed()
  await stillServes()
})

test('TelepathServer lets only the owner open its socket, whatever the umask, however long the path', async (t) => {
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  const parent = mkdtempSync(join(tmpdir(), 'telepath-'))
  t.after(() => rmSync(parent, { recursive: true }))
  // What lies beside it is looked at: nobody else may make anything there.
  const base = join(parent, 'base')
  // The two long ones have their first 107 bytes in common.
  const long = (end: string) => join(base, 'long-directory-name-'.repeat(6), end)
  for (const dir of [base, long('a'), long('b')]) {
    mkdirSync(dir, { recursive: true })
    const before = readdirSync(join(dir, '..')).sort()
    const file = join(dir, 'sock')
    const [made] = await serve({})
    await made.listenAtSocket(file)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const proxy = await openProxy(`unix://root:secret@${file}`)
    assert.equal(await proxy.call('echo', ['hello']), 'hello')
    await proxy.close()
    assert.deepEqual(readdirSync(join(dir, '..')).sort(), before)
    await made.close()
    assert.deepEqual(
      readdirSync(dir).filter((name) => name === 'sock'),
      [],
    )
  }
  // What a killed process has left makes room, and nothing else does.
  const left = join(base, 'left')
  const leave = `require('net').createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', leave])
  assert.ok(statSync(left).isSocket())
  const [after] = await serve({})
  await after.listenAtSocket(left)
  const [second] = await serve({})
  await assert.rejects(second.listenAtSocket(left), { code: 'EADDRINUSE' })
  const letter = join(base, 'letter')
  writeFileSync(letter, 'dear')
  await assert.rejects(second.listenAtSocket(letter), { code: 'EADDRINUSE' })
  assert.equal(statSync(letter).size, 4)
  await after.close()
  await second.close()
  const [made] = await serve({})
  const tooLong = join(base, 'x'.repeat(100))
  await assert.rejects(made.listenAtSocket(tooLong), {
    code: 'ERR_CONFIG',
    message: /its path is longer than \d+ bytes/,
  })
  await assert.rejects(openProxy(`unix://root:secret@${tooLong}`), (error) => error instanceof LinkDown)
  await assert.rejects(openProxy(`unix://root:secret@${long('nowhere')}/at/all`), (error) => error instanceof LinkDown)
  await made.close()
})

test('the end of a session takes its calls along', async () => {
  const proxy = await openProxy(`tcp://root:secret@127.0.0.1:${port}/`)
  const other = await openProxy(`tcp://root:secret@127.0.0.1:${port}/`)
  await proxy.call('echo', [1])
  await proxy.close()
  await assert.rejects(proxy.call('echo', [1]), LinkDown)
  assert.equal(await other.call('echo', [2]), 2)
  await other.close()
})
