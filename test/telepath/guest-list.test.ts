import assert from 'node:assert/strict'
import { createServer, type Server, Socket } from 'node:net'
import { test } from 'node:test'
import { addressOf, GuestList } from '../../src/telepath/guest-list.js'

/** A connection that goes nowhere. */
class Knock extends Socket {
  constructor(
    override readonly remoteAddress: string,
    override readonly remotePort: number,
  ) {
    super()
  }
}

function guarded(limits: { perAddress: number; all: number; introductionMs?: number }) {
  const lines: string[] = []
  const server: Server = createServer()
  const list = new GuestList({ introductionMs: 1e6, ...limits }, (line) => lines.push(line))
  const seen: Socket[] = []
  server.on('connection', (socket) => seen.push(socket))
  list.guard(server)
  let port = 0
  const knock = (address: string) => {
    const socket = new Knock(address, port++)
    server.emit('connection', socket)
    return socket
  }
  return { list, lines, seen, knock }
}

const areOpen = (sockets: readonly Socket[]) => sockets.map(({ destroyed }) => !destroyed)

test('GuestList drops the oldest stranger of a crowded address, never who is known, and nobody of another address', () => {
  const { list, knock, seen, lines } = guarded({ perAddress: 3, all: 10 })
  const other = knock('10.0.0.9')
  const known = knock('10.0.0.1')
  list.introduce(known)
  const strangers = [knock('10.0.0.1'), knock('10.0.0.1'), knock('10.0.0.1'), knock('::ffff:10.0.0.1')]
  assert.deepEqual(areOpen([other, known, ...strangers]), [true, true, false, false, true, true])
  assert.equal(seen.length, 6)
  for (const each of strangers.slice(2)) list.introduce(each)
  const late = knock('10.0.0.1')
  assert.deepEqual([late.destroyed, seen.length], [true, 6], 'it never came to the server')
  assert.equal(list.size, 4)
  assert.equal(lines.length, 1, 'an attack fills no log')
  assert.match(lines[0], /Too many connections, the last from 10\.0\.0\.1: dropped the oldest of 10\.0\.0\.1/)
  list.close()
})

test('GuestList drops the oldest stranger of all when the server is full', () => {
  const { list, knock } = guarded({ perAddress: 3, all: 4 })
  const sockets = ['1', '2', '3', '4', '5'].map((end) => knock(`10.0.0.${end}`))
  assert.deepEqual(areOpen(sockets), [false, true, true, true, true])
  for (const each of sockets.slice(1)) list.introduce(each)
  assert.equal(knock('10.0.0.6').destroyed, true)
  list.close()
})

test('GuestList drops strangers when their time is over, and forgets who has left', async () => {
  const { list, knock } = guarded({ perAddress: 9, all: 9, introductionMs: 30 })
  const [stranger, known, gone] = [knock('10.0.0.1'), knock('10.0.0.1'), knock('10.0.0.1')]
  list.introduce(known)
  gone.destroy()
  // The list itself keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  await new Promise((resolve) => stranger.once('close', resolve))
  clearInterval(alive)
  assert.deepEqual([areOpen([stranger, known]), list.size], [[false, true], 1])
  list.close()
})

test('addressOf() takes all addresses of one IPv6 network for one, and an IPv4 address in either form', () => {
  for (const [remoteAddress, wanted] of [
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    [undefined, 'unix'],
  ] as const) {
    assert.equal(addressOf({ remoteAddress }), wanted)
  }
})
