import { decode, encode, MsgpackError, PackMap, skip, type Value, decodeAt as valueAt } from '../bytes/msgpack.js'

/** The protocol version of every Synapse since 0.1.0. */
export const TELE_VERS: readonly [number, number] = [3, 0]

/** A value that is already msgpack; we pass its bytes through. */
export class Packed {
  constructor(readonly bytes: Uint8Array) {}
}

/** One message `[type, info]`. */
export interface Message {
  readonly type: string
  readonly info: PackMap
}

/** The content of a reply's `retn`: a value, a failure, or the end of a generator. */
export type Retn =
  | { readonly ok: true; readonly raw: Uint8Array }
  | { readonly ok: false; readonly error: Value }
  | null

/** The type of a message, without decoding the rest. @throws {MsgpackError} when it has none */
export function messageType(frame: Uint8Array): string {
  const type = frame[0] === 0x92 ? valueAt(frame, 1).value : null
  if (typeof type !== 'string') throw new MsgpackError('a message is not a [type, info]')
  return type
}

/** @throws {MsgpackError} for anything but `[str, map]` */
export function decodeMessage(frame: Uint8Array): Message {
  const value = decode(frame)
  if (Array.isArray(value) && value.length === 2) {
    const [type, info] = value
    if (typeof type === 'string' && info instanceof PackMap) return { type, info }
  }
  throw new MsgpackError('a message is not a [type, info]')
}

export function encodeMessage(type: string, info: Record<string, Value>): Uint8Array {
  return encode([type, new PackMap(Object.entries(info))])
}

/** A `t2:init` message in parts, so that packed arguments need not be copied. */
export function initMessage(
  method: string,
  args: readonly (Value | Packed)[],
  kwargs: Record<string, Value>,
  name: string | null,
  sess: string,
): Uint8Array[] {
  const list = encode(args.map((arg) => (arg instanceof Packed ? null : arg)))
  const parts: Uint8Array[] = [HEAD, Uint8Array.of(0x93), encode(method)]
  if (args.some((arg) => arg instanceof Packed)) {
    parts.push(list.subarray(0, skipArrayHead(list)))
    for (const arg of args) parts.push(arg instanceof Packed ? arg.bytes : encode(arg))
  } else parts.push(list)
  parts.push(encode(new PackMap(Object.entries(kwargs))), encode('name'), encode(name), encode('sess'), encode(sess))
  return parts
}

/** `["t2:init", {"todo": …`. The todo itself and two more pairs follow. */
const HEAD = Buffer.concat([Uint8Array.of(0x92), encode('t2:init'), Uint8Array.of(0x83), encode('todo')])

function skipArrayHead(list: Uint8Array): number {
  return list[0] <= 0x9f ? 1 : list[0] === 0xdc ? 3 : 5
}

/** `["t2:yield", {"retn": [true, …`: the start of nearly every message from a source. */
const YIELD = Buffer.concat([
  Uint8Array.of(0x92),
  encode('t2:yield'),
  Uint8Array.of(0x81),
  encode('retn'),
  Uint8Array.of(0x92, 0xc3),
])

/** The raw item of a successful `t2:yield`; undefined for any other message. */
export function yieldedItem(frame: Uint8Array): Uint8Array | undefined {
  for (let i = 0; i < YIELD.length; i++) if (frame[i] !== YIELD[i]) return undefined
  // Check the item once, here, so that code that stores its bytes can trust them.
  return skip(frame, YIELD.length) === frame.length ? frame.subarray(YIELD.length) : undefined
}

/** The `retn` of a message, with its value as raw bytes. @throws {MsgpackError} when it has none */
export function retnOf(frame: Uint8Array): Retn {
  const at = fieldAt(frame, 'retn')
  if (frame[at] === 0xc0) return null
  if (frame[at] !== 0x92) throw new MsgpackError('retn is neither nil nor a pair')
  const ok = frame[at + 1]
  const start = at + 2
  const end = skip(frame, start)
  if (ok === 0xc3) return { ok: true, raw: frame.subarray(start, end) }
  if (ok === 0xc2) return { ok: false, error: decode(frame, start, end) }
  throw new MsgpackError('retn does not begin with a boolean')
}

/** Where a field of the info map begins. */
function fieldAt(frame: Uint8Array, name: string): number {
  let pos = skip(frame, 1)
  const head = frame[pos++]
  const count = head & 0x0f
  if ((head & 0xf0) === 0x80) {
    for (let i = 0; i < count; i++) {
      const key = valueAt(frame, pos)
      if (key.value === name) return key.end
      pos = skip(frame, key.end)
    }
  }
  throw new MsgpackError(`a message has no ${name}`)
}
