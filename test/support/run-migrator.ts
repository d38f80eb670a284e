// Runs one migration with options that the command line does not have, such as tiny pieces. The argument is JSON of some
// MigrateOptions; prints JSON: the summary, or what broke the run. In a process of its own, as tests run a migration to
// one destination several times, and may kill it.
import { type MigrateInput, withDefaults } from '../../src/api/run-options.js'
import { reportFailure } from '../../src/cli/exit.js'
import { MigrationError } from '../../src/errors.js'
import { Migrator } from '../../src/migrate/migrator.js'
import type { MigrateOptions } from '../../src/migrate/options.js'
import type { ProgressEvent } from '../../src/migrate/progress.js'
import { WriterClient } from '../../src/thread/writer-client.js'

const asked: MigrateInput = JSON.parse(process.argv[2])
const options: MigrateOptions = {
  ...withDefaults(asked),
  editBatchSize: 100,
  // Tests run to one destination several times: what is refused unasked is tested through the command line.
  restart: true,
  workers: 2,
  memoryBytes: 1 << 27,
  // Budgets here may be smaller than the command line lets a worker have.
  ...asked,
}
// The call of the writer that the run dies of, by the start of `method key`.
const { KILL_BEFORE } = process.env
if (KILL_BEFORE !== undefined) {
  const { call } = WriterClient.prototype
  WriterClient.prototype.call = function (this: WriterClient, method, args, transfer) {
    const { key = '' } = args as { key?: string }
    if (`${method} ${key}`.startsWith(KILL_BEFORE)) process.kill(process.pid, 'SIGKILL')
    return call.call(this, method, args, transfer) as never
  } as typeof call
}
const log = (level: string, text: string) => process.stderr.write(`[${level}] ${text}\n`)
try {
  const show = ({ phase, layer, done }: ProgressEvent) => {
    if (process.env.SHOW_PROGRESS !== undefined) log('PROGRESS', `${phase} ${layer.slice(0, 8)} ${done}`)
  }
  const summary = await new Migrator(options, log, { show }).run()
  process.stdout.write(JSON.stringify({ summary }))
} catch (err) {
  const { code, hint } = err instanceof MigrationError ? err : { code: null, hint: undefined }
  process.stdout.write(JSON.stringify({ error: { code, hint, message: (err as Error).message } }))
  process.stderr.write(`${(err as Error).stack}\n`)
  process.exitCode = reportFailure(err)
}
