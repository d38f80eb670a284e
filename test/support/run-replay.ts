// Replays errors with options that the command line does not have. The argument is JSON of ReplayOptions, with `model` as
// the path of a model file, and with `kill`: so long after the n-th thing that it says it kills itself.
import { readModelFiles } from '../../src/cli/model-files.js'
import { Replay } from '../../src/replay/replay.js'

const { model, kill, ...options } = JSON.parse(process.argv[2])
let said = 0
function say(): void {
  if (++said === kill?.lines) setTimeout(() => process.kill(process.pid, 'SIGKILL'), kill.delayMs)
}
const modelFiles = await readModelFiles([model], say)
const report = await new Replay({ ...options, modelFiles }, say, { show: say }).run()
process.stdout.write(JSON.stringify(report))
