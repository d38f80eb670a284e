// Imported before a program: kills it when a part is whole but has no name yet.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { renameSync } = fs
fs.renameSync = (from, to) => {
  if (/\/migration\/parts\/\w+\/\w+-\d+$/.test(String(to))) process.kill(process.pid, 'SIGKILL')
  renameSync(from, to)
}
syncBuiltinESMExports()
