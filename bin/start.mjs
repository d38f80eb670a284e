// Starts one of the programs, or says in one sentence why it cannot be.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'

const OLDEST_NODE = [20, 19]
const BUNDLE = fileURLToPath(new URL('../dist/src/bundle', import.meta.url))

/** Runs the program of that name from the bundle. */
export async function start(name) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    console.error(`error: ${name} needs Node.js ${OLDEST_NODE.join('.')} or later, this is ${process.versions.node}`)
    process.exitCode = 4
    return
  }
  setEngineFlags(major)
  await programs(name)?.run(name)
}

/** Has V8 compile for runs of seconds to minutes (docs/decisions/0013). */
export function setEngineFlags(major) {
  // A third of a short run is V8 compiling the same code for each thread; less of it is inlined for the same speed.
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=400')
  // V8 of Node 20 optimizes code that most runs of it will not pay for: four times as much must run first.
  if (major === 20) setFlagsFromString('--interrupt-budget=270000')
}

function programs(name) {
  try {
    return createRequire(import.meta.url)(`${BUNDLE}/load.cjs`).load(BUNDLE, 'programs')
  } catch (error) {
    if (!['MODULE_NOT_FOUND', 'ENOENT'].includes(error.code) || !String(error.message).includes('dist/src/bundle'))
      throw error
    console.error(`error: ${name} is not built yet\nhint: Run npm run build`)
    process.exitCode = 1
  }
}
