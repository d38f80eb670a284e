// Loaded into every thread of a run (NODE_OPTIONS=--import): the first thread that opens a file of the given name does
// something that no task should.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const { SABOTAGE = '', SABOTAGE_PATH = '', SABOTAGE_MARK = '', SABOTAGE_AT = '1' } = process.env
const path = new RegExp(SABOTAGE_PATH)
const openSync = fs.openSync
let opens = 0

if (!isMainThread) {
  fs.openSync = (name, ...rest) => {
    if (path.test(String(name)) && ++opens === Number(SABOTAGE_AT) && isFirst()) sabotage()
    return openSync(name, ...rest)
  }
  syncBuiltinESMExports()
}

function isFirst(): boolean {
  try {
    fs.closeSync(openSync(SABOTAGE_MARK, 'wx'))
    return true
  } catch {
    return false
  }
}

function sabotage(): void {
  if (SABOTAGE === 'throw') throw new TypeError('boom')
  if (SABOTAGE === 'exit') process.exit(3)
  if (SABOTAGE === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  const held: unknown[] = []
  while (SABOTAGE === 'memory') held.push(Array.from({ length: 10_000 }, (_, i) => `${i} ${held.length}`))
}
