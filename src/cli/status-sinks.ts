import { MigrationError } from '../errors.js'
import { replaceFile } from '../file/replace-file.js'
import type { Log } from '../log.js'
import { refuseInSource } from '../report/report-place.js'
import { metricsText } from '../status/metrics-text.js'
import type { RunStatus } from '../status/run-status.js'
import { keepStatus } from '../status/status-file.js'
import type { StatusSink } from './run-watch.js'

/** A collector that runs as another user reads it. */
const METRICS_MODE = 0o644

/** Writes the state to `<dest>/migration/status.json`, until another run does. */
export function statusSink(destDir: string, log: Log): StatusSink {
  let isFirst = true
  return untilOver('Cannot keep the status of the run', log, (status) => {
    const isKept = keepStatus(destDir, status, isFirst)
    isFirst = false
    return isKept
  })
}

/**
 * Writes the state to a file for Prometheus.
 *
 * @throws {MigrationError} ERR_USAGE when it cannot be written at all
 */
export function metricsSink(path: string, srcDir: string, log: Log): StatusSink {
  refuseInSource(path, srcDir, 'the metrics')
  let isFirst = true
  return untilOver('Cannot write the metrics', log, (status) => {
    try {
      replaceFile(path, metricsText(status), METRICS_MODE)
    } catch (cause) {
      if (!isFirst) throw cause
      throw new MigrationError('ERR_USAGE', `Cannot write the metrics to "${path}": ${(cause as Error).message}`, {
        cause,
        hint: 'Give a file in a directory that this user may write to',
      })
    }
    isFirst = false
    return true
  })
}

/**
 * A run does not fail because its state cannot be written. It tries each time, as a full disk may have room again, and
 * warns once per failure.
 *
 * @param keep returns whether there is more to write. If it throws a MigrationError, that ends the run, and the writing
 */
function untilOver(what: string, log: Log, keep: (status: RunStatus) => boolean): StatusSink {
  let isOver = false
  let isSaid = false
  return (status) => {
    if (isOver) return
    try {
      isOver = !keep(status)
      isSaid = false
    } catch (error) {
      isOver = error instanceof MigrationError
      if (isOver) throw error
      if (!isSaid) log('WARNING', `${what}: ${(error as Error).message}`)
      isSaid = true
    }
  }
}
