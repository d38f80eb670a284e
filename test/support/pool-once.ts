// Opens a pool of 8 threads, gives it one task and closes it: this has aborted Node 20, so it has a process of its own.
import { TaskPool } from '../../src/thread/task-pool.js'

const pool = new TaskPool(8)
const failed = await pool.run('mergeRuns', {} as never).catch((err: Error) => err)
await pool.close()
process.stdout.write(failed instanceof Error ? 'closed' : 'no error')
