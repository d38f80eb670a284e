/**
 * The public API: what the commands do, as functions. Anything exported neither here nor by `synapse-migrator/pages` is
 * internal. docs/api.md has examples.
 *
 * @module
 */
export { errors } from './api/errors.js'
export { type InspectInput, inspect } from './api/inspect.js'
export { migrate } from './api/migrate.js'
export { type LayerNode, nodes } from './api/nodes.js'
export { preflight } from './api/preflight.js'
export type { MigrateInput, RunControls } from './api/run-options.js'
export { type VerifyInput, verify } from './api/verify.js'
export { Ext, Float, PackMap, RawStr, type Value } from './bytes/msgpack.js'
export type { AcceptedErrors, Identified } from './dest/accepted-errors.js'
export type { ErrorKind } from './dest/error-counts.js'
export type { ErrorRecord } from './dest/error-records.js'
export { type ErrorCode, ExitCode, MigrationError } from './errors.js'
export type { CortexReport, LayerReport as InspectedLayer, ViewReport } from './inspect/inspect-cortex.js'
export { createLog, LOG_FORMATS, LOG_LEVELS, type Log, type LogFormat, type LogLevel, type LogOptions } from './log.js'
export { DIFFERENCE_NAMES, type DifferenceCounts } from './migrate/differences.js'
export { ADD_MODES, type AddMode, type MigrateOptions, type PieceSizes } from './migrate/options.js'
export type { ProgressEvent, ProgressPhase } from './migrate/progress.js'
export { type LayerSummary, type MigrateSummary, summaryText } from './migrate/summary.js'
export { type ModelFile, parseModelFile, type TypeDef, type TypeDefRef } from './model/model-file.js'
export type { Opt, Opts } from './model/type.js'
export type { Finding as KindedFinding } from './preflight/check.js'
export type { Finding, Preflight } from './preflight/preflight.js'
export type { FanIn } from './run/run-levels.js'
export { MIGR_OPS, type MigrOp } from './step/context.js'
export type { CellReport, Difference, LayerReport as ComparedLayer, VerifyReport } from './verify/report.js'
export type { VerifyOptions } from './verify/verifier.js'
