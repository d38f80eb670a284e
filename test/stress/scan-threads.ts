// Lets 8 threads read a Cortex at the same time, 50 renewals of 60 rounds each, and checks every scan:
// node dist/test/stress/scan-threads.js [CORTEX [THREADS RENEWALS ROUNDS]]; without a Cortex the bundled one.
import { deepEqual } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpack } from '../support/cortex.js'
import { fileState, layerSlabs, scanInThreads } from '../support/scan-threads.js'

const [given, threads = 8, renewals = 50, rounds = 60] = process.argv.slice(2)
const temp = mkdtempSync(join(tmpdir(), 'scan-threads-'))
try {
  const cortex = given ?? unpack('demo-cortex.tar.gz', temp)
  const before = fileState(cortex)
  const startedMs = Date.now()
  const counts = { threads: Number(threads), renewals: Number(renewals), rounds: Number(rounds) }
  const { scans, rows, incomplete } = await scanInThreads(layerSlabs(cortex), counts)
  const seconds = (Date.now() - startedMs) / 1000
  deepEqual(fileState(cortex), before)
  const n = (value: number) => value.toLocaleString('en-US')
  console.log(
    `${counts.threads} threads x ${counts.renewals} renewals x ${counts.rounds} rounds in ${seconds.toFixed(0)} s`,
  )
  console.log(
    `${n(scans)} scans of a database, ${n(rows)} rows, ${n(incomplete.length)} incomplete; every file as it was`,
  )
  for (const line of incomplete.slice(0, 20)) console.log(line)
  process.exitCode = incomplete.length === 0 ? 0 : 1
} finally {
  rmSync(temp, { recursive: true, force: true })
}
