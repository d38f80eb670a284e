// Loaded into every thread of a measured run: writes which thread of the system it is, and what it runs.
import fs = require('node:fs')

setImmediate(() => {
  const { THREAD_NAMES = '' } = process.env
  fs.appendFileSync(THREAD_NAMES, `${fs.readlinkSync('/proc/thread-self').split('/')[2]} ${process.argv[1]}\n`)
})
