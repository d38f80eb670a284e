import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { openProxy, type Remote, type Share, type TeleProxy } from '../../src/telepath/client.js'
import { LinkDown, TelepathError } from '../../src/telepath/errors.js'
import { FrameSplitter } from '../../src/telepath/frames.js'
import { Packed } from '../../src/telepath/message.js'
import { type Exchange, exchangesOf, loadRecording, partsOf, playServer } from '../support/recorded.js'

/** Spoken by no client of the library: hand-written messages, or a Cortex as client of a service. */
const NOT_OURS = /-(17-version|31|32|33)-|e2e-0[34]|vectors/

const whole = (bytes: Uint8Array) => [bytes]
const single = (bytes: Uint8Array) => Array.from(bytes, (byte) => Uint8Array.of(byte))

const recordings = readdirSync('test/fixtures/telepath').filter(
  (file) => /^(\d|e2e)/.test(file) && !NOT_OURS.test(file),
)

for (const file of recordings) {
  const exchanges = withHandshake(exchangesOf(loadRecording(file)))
  const bytes = [...exchanges.values()].flat().reduce((sum, each) => sum + Buffer.concat(each.replies).length, 0)
  test(`openProxy() says and understands what was recorded: ${file}`, () => replay(exchanges, whole))
  // A turn of the event loop per byte: not for the long ones.
  if (bytes < 12_000) test(`openProxy() does so byte by byte: ${file}`, () => replay(exchanges, single))
}

test('recordings were found', () => assert.ok(recordings.length >= 35, `${recordings.length}`))

/** Makes every recorded call again, over as many sessions, and compares results and failures. */
async function replay(exchanges: Map<number, Exchange[]>, chunks: (bytes: Uint8Array) => Uint8Array[]): Promise<void> {
  const server = await playServer(exchanges, chunks)
  const open: TeleProxy[] = []
  try {
    const all = [...exchanges.values()]
    for (const main of all.filter((each) => partsOf(each[0].request).type === 'tele:syn')) {
      const [{ request, replies }] = main
      const { info } = partsOf(request)
      const answer = partsOf(replies[0]).info
      const url = urlOf(info, server.port)
      if ((answer.get('retn') as Value[])[0] === false) {
        await assert.rejects(openProxy(url), (error) => sameFailure(error, (answer.get('retn') as Value[])[1]))
        continue
      }
      const proxy = await openProxy(url)
      open.push(proxy)
      assert.deepEqual(proxy.sharinfo, answer.get('sharinfo'))
      const sess = answer.get('sess')
      const calls = all.flat().filter((each) => partsOf(each.request).info.get('sess') === sess)
      await makeCalls(proxy, calls, all)
    }
    assert.deepEqual(server.faults, [])
    assert.equal(server.unasked(), 0)
  } finally {
    for (const proxy of open) await proxy.close()
    await server.close()
  }
}

/** Calls in the recorded order; those of connections that began before the first answer were made at once. */
async function makeCalls(proxy: TeleProxy, calls: Exchange[], links: Exchange[][]): Promise<void> {
  const shares = new Map<string, Share>()
  const first = links.filter((link) => calls.includes(link[0]))
  const atOnce = first.length === 3 ? first.map((link) => link[0]) : []
  await Promise.all(atOnce.map((call) => make(proxy, call, shares)))
  for (const call of calls) {
    if (atOnce.includes(call)) continue
    await make(proxy, call, shares)
    for (const share of shares.values()) {
      // The one recording with a share ends it after its first save, over the main link.
      if (calls.indexOf(call) === 2 && methodOf(call) === 'save') await share.close()
    }
  }
}

async function make(proxy: TeleProxy, call: Exchange, shares: Map<string, Share>): Promise<void> {
  const { info } = partsOf(call.request)
  const [method, args, kwargs] = info.get('todo') as [string, Value[], PackMap]
  const name = info.get('name') as string | null
  const target: Remote = name === null ? proxy : (shares.get(name) as Share)
  const named = Object.fromEntries(kwargs.entries) as Record<string, Value>
  const reply = partsOf(call.replies[0])
  if (reply.type === 't2:share') {
    const share = await target.share(method, args)
    shares.set(reply.info.get('iden') as string, share)
    return
  }
  if (reply.type === 't2:fini') {
    const [ok, value] = reply.info.get('retn') as [boolean, Value]
    // Packed arguments must reach the server as if they were encoded here.
    const packed = args.map((arg) => new Packed(encode(arg)))
    const result = target.call(method, method.startsWith('stor') ? packed : args, named)
    if (ok) assert.deepEqual(encode(await result), encode(value))
    else await assert.rejects(result, (error) => sameFailure(error, value))
    return
  }
  assert.equal(reply.type, 't2:genr')
  const wanted = call.replies.slice(1).map((each) => partsOf(each).info.get('retn') as [boolean, Value] | null)
  const last = wanted.at(-1)
  const items: Value[] = []
  const early = wanted.length === 19 // the one recording whose consumer leaves after two items
  const run = async () => {
    for await (const item of target.generate(method, args, named)) {
      items.push(decode(item))
      if (early && items.length === 2) break
    }
  }
  if (last && last[0] === false) await assert.rejects(run(), (error) => sameFailure(error, last[1]))
  else await run()
  const good = wanted.filter((each) => each !== null && each[0] === true).map((each) => (each as [boolean, Value])[1])
  assert.deepEqual(encode(items), encode(early ? good.slice(0, 2) : good))
}

function methodOf(call: Exchange): Value {
  return (partsOf(call.request).info.get('todo') as Value[])[0]
}

function sameFailure(error: unknown, wanted: Value): boolean {
  assert.ok(error instanceof TelepathError, String(error))
  const [name, info] = wanted as [string, PackMap]
  assert.equal(error.name, name)
  assert.deepEqual(error.info, info)
  return true
}

function urlOf(syn: PackMap, port: number): string {
  const auth = syn.get('auth') as [string, PackMap] | null
  const passwd = auth?.[1].get('passwd')
  const user = auth === null ? '' : `${auth[0]}${passwd === null ? '' : `:${passwd}`}@`
  return `tcp://${user}127.0.0.1:${port}/${syn.get('name')}`
}

/** Gives recordings that have only task links the handshake that must have gone before. */
function withHandshake(exchanges: Map<number, Exchange[]>): Map<number, Exchange[]> {
  const [first] = [...exchanges.values()].flat()
  const { type, info } = partsOf(first.request)
  if (type === 'tele:syn') return exchanges
  const map = (fields: Record<string, Value>) => new PackMap(Object.entries(fields))
  const request = encode(['tele:syn', map({ auth: null, vers: [3, 0], name: 'cortex' })])
  const reply = map({ vers: [3, 0], retn: [true, null], sharinfo: map({}), sess: info.get('sess') as string })
  return new Map([[0, [{ request, replies: [encode(['tele:syn', reply])] }]], ...exchanges])
}

const SPLICES = '0.1.58-05-layer-splices-size.json'

test('generate() fails when the connection is cut at any byte of a reply', async () => {
  const exchanges = exchangesOf(loadRecording(SPLICES))
  const [, [call]] = [...exchanges.values()]
  const reply = Buffer.concat(call.replies)
  // Every byte of the beginning and the end, every 7th between.
  const cuts = Array.from({ length: reply.length }, (_, i) => i).filter(
    (i) => i < 40 || i > reply.length - 20 || i % 7 === 0,
  )
  const { syn, layer } = layerOf(exchanges)
  for (const cut of cuts) {
    const server = await listen((socket, mesg) => {
      if (mesg === 'tele:syn') socket.write(syn)
      else socket.end(reply.subarray(0, cut))
    })
    const proxy = await openProxy(`tcp://root:secret@127.0.0.1:${server.port}/${layer}`)
    const read = async () => {
      for await (const _ of proxy.generate('splices', [0, 3]));
    }
    await assert.rejects(read(), LinkDown, `cut at ${cut}`)
    await proxy.close()
    await server.close()
  }
})

test('a call is made again on a new link when the pooled one ended without an answer', async () => {
  const { syn, layer } = layerOf(exchangesOf(loadRecording(SPLICES)))
  const done = encode(['t2:fini', new PackMap([['retn', [true, 7]]])])
  let links = 0
  const server = await listen((socket, mesg, nth) => {
    if (mesg === 'tele:syn') socket.write(syn)
    else if (nth === 1) {
      links++
      socket.write(done)
    } else socket.end() // the second call on the same link
  })
  const proxy = await openProxy(`tcp://127.0.0.1:${server.port}/${layer}`)
  assert.equal(await proxy.call('x'), 7)
  assert.equal(await proxy.call('x'), 7)
  assert.equal(links, 2)
  await proxy.close()
  await server.close()
})

test('an idle link that the server closes leaves the pool', async () => {
  const { syn, layer } = layerOf(exchangesOf(loadRecording(SPLICES)))
  const done = encode(['t2:fini', new PackMap([['retn', [true, null]]])])
  const server = await listen((socket, mesg) => {
    if (mesg === 'tele:syn') socket.write(syn)
    else socket.end(done)
  })
  const proxy = await openProxy(`tcp://127.0.0.1:${server.port}/${layer}`)
  await proxy.call('x')
  while (proxy.links.idle > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(proxy.links, { idle: 0, busy: 0 })
  await proxy.close()
  await server.close()
})

test('the end of the main link ends calls under way, and `closed` tells', async () => {
  const { syn, layer } = layerOf(exchangesOf(loadRecording(SPLICES)))
  const server = await listen((socket, mesg, _, sockets) => {
    if (mesg === 'tele:syn') socket.write(syn)
    else sockets[0].destroy()
  })
  const proxy = await openProxy(`tcp://root:hunter2@127.0.0.1:${server.port}/${layer}`)
  await assert.rejects(proxy.call('x'), LinkDown)
  const why = await proxy.closed
  assert.ok(why instanceof LinkDown)
  assert.doesNotMatch(why.message, /hunter2/)
  await assert.rejects(proxy.call('x'), LinkDown)
  await server.close()
})

test('a peer that falls silent is given up, and keeps no call forever', async () => {
  const { syn, layer } = layerOf(exchangesOf(loadRecording(SPLICES)))
  let asked = 0
  const server = await listen((socket, mesg) => {
    if (mesg === 'tele:syn') socket.write(syn)
    else asked++
  })
  const proxy = await openProxy(`tcp://127.0.0.1:${server.port}/${layer}`, { silenceMs: 30 })
  await assert.rejects(proxy.call('x'), (error) => error instanceof LinkDown && /nothing came/.test(error.message))
  assert.equal(asked, 1)
  await proxy.close()
  await server.close()
})

test('openProxy() gives up on a server that never answers, closes early, or sends no msgpack', async () => {
  const silent = await listen(() => {})
  await assert.rejects(openProxy(`tcp://127.0.0.1:${silent.port}/`, { connectMs: 50 }), LinkDown)
  await silent.close()
  for (const bytes of ['', 'c1', '93c0c0c0', '92a874656c653a73796ec0', '92a874656c653a73796e81a4766572739203']) {
    const server = await listen((socket) => socket.end(Buffer.from(bytes, 'hex')))
    await assert.rejects(openProxy(`tcp://127.0.0.1:${server.port}/`), LinkDown, bytes)
    await server.close()
  }
  const refused = await listen(() => {})
  await refused.close()
  await assert.rejects(
    openProxy(`tcp://root:hunter2@127.0.0.1:${refused.port}/`),
    (error) => error instanceof LinkDown && error.code === 'ECONNREFUSED' && !/hunter2/.test(error.message),
  )
  await assert.rejects(
    openProxy('cell:///nowhere/at/all'),
    (error) => error instanceof LinkDown && error.code === 'ENOENT',
  )
})

test('openProxy() refuses a message that announces more than its limit before it has come', async () => {
  const { syn, layer } = layerOf(exchangesOf(loadRecording(SPLICES)))
  // A text of 2 GiB - 1 of which nothing is sent.
  const item = Buffer.concat([encode('t2:yield'), Buffer.from('81a47265746e92c3db7fffffff', 'hex')])
  const server = await listen((socket, mesg) => {
    if (mesg === 'tele:syn') socket.write(syn)
    else socket.write(Buffer.concat([encode(['t2:genr', new PackMap([])]), Uint8Array.of(0x92), item]))
  })
  const proxy = await openProxy(`tcp://127.0.0.1:${server.port}/${layer}`, { silenceMs: 0 })
  const reading = async () => {
    for await (const _ of proxy.generate('splices', [0, -1]));
  }
  await assert.rejects(reading(), (error) => {
    assert.ok(error instanceof LinkDown)
    assert.match(error.message, /a message that it sent cannot be read: it is longer than 268435456 bytes$/)
    return true
  })
  await proxy.close()
  await server.close()
})

test('a server of another protocol version is refused before its result is looked at', async () => {
  const info = new PackMap(Object.entries({ vers: [4, 0], retn: [false, ['AuthDeny', new PackMap([])]] }))
  const server = await listen((socket) => socket.write(encode(['tele:syn', info])))
  await assert.rejects(
    openProxy(`tcp://127.0.0.1:${server.port}/`),
    (error) => error instanceof TelepathError && error.name === 'BadMesgVers',
  )
  await server.close()
})

/** The recorded answer to a layer's handshake, and the layer's name. */
function layerOf(exchanges: Map<number, Exchange[]>): { syn: Uint8Array; layer: string } {
  const [[main]] = [...exchanges.values()]
  return { syn: main.replies[0], layer: String(partsOf(main.request).info.get('name')) }
}

/** A server that answers each message by hand; `nth` counts those of a link from 1. */
async function listen(answer: (socket: Socket, type: string, nth: number, sockets: Socket[]) => void) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    const splitter = new FrameSplitter(1 << 20)
    let nth = 0
    socket.on('error', () => {})
    socket.on('data', (data) => {
      for (const frame of splitter.push(data)) answer(socket, partsOf(frame).type, ++nth, sockets)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
