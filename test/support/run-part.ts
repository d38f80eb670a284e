// Makes a part of a layer, or finishes the layer, in a process of its own that may kill itself: a process opens a slab of
// the destination once. The argument is JSON of a ChildPart; ends with the exit code of the command.
import { withDefaults } from '../../src/api/run-options.js'
import { reportFailure } from '../../src/cli/exit.js'
import { packageVersion } from '../../src/cli/package-version.js'
import { makePart } from '../../src/migrate/parts/make-part.js'
import type { PartId } from '../../src/migrate/parts/part-dirs.js'
import { finishLayer } from '../../src/migrate/parts/stages.js'
import type { ProgressEvent, ProgressPhase } from '../../src/migrate/progress.js'

export interface ChildPart {
  readonly srcDir: string
  readonly destDir: string
  readonly iden: string
  /** The part to make; null: finish the layer. */
  readonly part: { readonly id: PartId; readonly parts: number } | null
  /** The process dies when so much of a phase is done. */
  readonly dieAt: { readonly phase: ProgressPhase; readonly done: number }
}

const { srcDir, destDir, iden, part, dieAt }: ChildPart = JSON.parse(process.argv[2])
const options = withDefaults({ srcDir, destDir, workers: 1, memoryBytes: 1 << 27 })
const show = ({ phase, done }: ProgressEvent) => {
  if (phase === dieAt.phase && done >= dieAt.done) process.kill(process.pid, 'SIGKILL')
}
const command = () => ''
const version = packageVersion()
try {
  if (part === null)
    await finishLayer({ version, options, log: () => {}, progress: { show }, begin: () => {}, command }, iden)
  else await makePart({ ...part, version, options, log: () => {}, show, command })
} catch (error) {
  process.exitCode = reportFailure(error)
}
