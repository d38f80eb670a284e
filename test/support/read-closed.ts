// Tries to read each Cortex directory of the arguments as a user who owns nothing; prints what each way of looking at it
// said, as JSON. Root has to become that user first, whom nothing is closed to.
import { inspectCortex } from '../../src/inspect/inspect-cortex.js'
import { preflight } from '../../src/preflight/preflight.js'
import { readSource } from '../../src/source/cortex-dir.js'
import { PREFLIGHT_OPTIONS } from './preflight-options.js'

const NOBODY = 65534

if (process.getuid?.() === 0) {
  process.setgid?.(NOBODY)
  process.setuid?.(NOBODY)
}
const options = { ...PREFLIGHT_OPTIONS, destDir: '/tmp/never-made' }
const said: Record<string, { preflight: string; inspect: string }> = {}
for (const dir of process.argv.slice(2)) {
  said[dir] = {
    preflight: await tried(async () => {
      const { problems } = await preflight(readSource(dir), options)
      return problems.map(({ text }) => text).join('\n')
    }),
    inspect: await tried(async () => {
      const { layers } = inspectCortex(dir, { countNodes: true, progress: () => undefined })
      return layers.map(({ reason }) => reason).join('\n')
    }),
  }
}
process.stdout.write(JSON.stringify({ uid: process.getuid?.(), said }))

async function tried(look: () => Promise<string>): Promise<string> {
  try {
    return await look()
  } catch (error) {
    return String(error)
  }
}
