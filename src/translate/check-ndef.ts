import { exactScratch, sha256Latin1 } from '../bytes/hash.js'
import { decode, encode, MsgpackError, pyEquals, type Value } from '../bytes/msgpack.js'
import { NormError } from '../norm-error.js'
import { pyStr } from '../python/repr.js'
import type { FormPlan } from './form-plan.js'
import { buidRepr, Rejected, reject } from './node-failure.js'
import type { SourceNode } from './source-node.js'

/**
 * Checks that a node's value norms to itself and hashes to its buid.
 *
 * @returns whether the reference refuses the value although we keep it (D24)
 * @throws {Rejected} when the check fails
 */
export function checkNdef(node: SourceNode, plan: FormPlan, buf: Uint8Array, start: number, end: number): boolean {
  const valu = decodeValu(node, buf, start, end)
  const { type } = plan.form
  let normed: Value | undefined
  let why = ''
  try {
    normed = type.isNormed(valu) ? valu : type.norm(valu).valu
  } catch (err) {
    if (!(err instanceof NormError)) throw err
    why = err.message
  }
  const isRefused = normed === undefined && !type.keeps(valu)
  if (isRefused) reject('NORM', `Buid/norming exception ${why}: ${buidRepr(node)}, ${plan.name}, ${pyStr(valu)}`)
  // Norming a normed host may give yet another host. 0.1.x stores a node under that one when an edge refers to it
  // (D24).
  const isNormBuid = () => normed !== undefined && type.keeps(valu) && isBuidOf(node, plan, normed)
  const isBuid = hashesToBuid(node, plan, buf, start, end, valu)
  if (!isBuid && !isNormBuid()) {
    reject('BUID', `Calculated buid does not match inbound ${buidRepr(node)}, ${plan.name}, ${pyStr(valu)}`)
  }
  if (normed !== undefined && pyEquals(valu, normed)) return !isBuid
  // The reference makes an exception for all hosts of inet:server and inet:client: norming makes another MD5 each time.
  const isExcused = type.subof === 'inet:addr' && typeof valu === 'string' && valu.startsWith('host://')
  if (isExcused) return !isBuid
  // The buid proves that 0.1.x normed to this value. We keep it even if rc18 norms it differently (D24).
  if (normed === undefined || type.keeps(valu)) return true
  reject('NORM', `Normed form val does not match inbound ${plan.name}, ${pyStr(valu)}, ${pyStr(normed)}`)
}

function hashesToBuid(
  node: SourceNode,
  plan: FormPlan,
  buf: Uint8Array,
  start: number,
  end: number,
  valu: Value,
): boolean {
  const { nameBytes } = plan
  const length = 1 + nameBytes.length + end - start
  const hashed = exactScratch(length)
  hashed[0] = 0x92
  let at = 1
  for (let i = 0; i < nameBytes.length; i++) hashed[at++] = nameBytes[i]
  for (let i = start; i < end; i++) hashed[at++] = buf[i]
  const buid = node.buid.toString('latin1', 0, 32)
  if (sha256Latin1(hashed) === buid) return true
  // The stored bytes may differ from what msgpack-python makes of the value today.
  return isBuidOf(node, plan, valu)
}

function isBuidOf(node: SourceNode, { name }: FormPlan, valu: Value): boolean {
  return sha256Latin1(encode([name, valu])) === node.buid.toString('latin1', 0, 32)
}

function decodeValu(node: SourceNode, buf: Uint8Array, start: number, end: number): Value {
  try {
    return decode(buf, start, end)
  } catch (err) {
    if (!(err instanceof MsgpackError)) throw err
    throw new Rejected('ROW', `Unable to decode the form row of ${buidRepr(node)}: ${err.message}`)
  }
}
