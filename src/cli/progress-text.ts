import { formatBytes } from '../bytes/size-text.js'
import type { ProgressPhase } from '../migrate/progress.js'
import { duration } from '../text/duration.js'
import { count, counted } from '../text/table.js'
import type { Standing } from './run-pace.js'
import type { Limit } from './wait-limit.js'

const MOST_BAR_COLUMNS = 40
const LEAST_BAR_COLUMNS = 5
/** From this width on, a line has room for words. */
const WIDE_COLUMNS = 120

/** The state of a task. */
export interface TaskFacts {
  readonly name: string
  readonly done: number
  readonly total: number
  /** The unit. */
  readonly unit: string
  /** Units per second; null while unknown. */
  readonly rate: number | null
  readonly leftS: number | null
}

/** Facts about a run besides its progress. */
export interface RunFacts {
  /** What slows the threads down, if anything; null while unknown. */
  readonly limit: Limit | null
  readonly memoryBytes: number
  readonly errors: number
}

/** A bar and the facts of its task in one line. Drops the less important facts on a narrow terminal. */
export function barLine({ name, done, total, unit, rate, leftS }: TaskFacts, columns: number): string {
  const part = total === 0 ? 1 : done / total
  return fitted(
    name,
    part,
    [
      percent(part),
      ...(leftS === null ? [] : [`${duration(leftS)} left`]),
      ...(rate === null ? [] : [`${count(Math.round(rate))} ${unit}/s`]),
      `${count(done)} of ${count(total)} ${unit}`,
    ],
    columns,
  )
}

/** One line for the whole run, in the same way. */
export function overallLine(standing: Standing, facts: RunFacts, columns: number): string {
  const { step, steps, part, elapsedMs, leftMs } = standing
  const isWide = columns >= WIDE_COLUMNS
  const limit = facts.limit === null ? [] : [isWide ? limitText(facts.limit) : `limit: ${facts.limit.by}`]
  return fitted(
    isWide ? `Phase ${step} of ${steps}, ${phasesText(standing.phases)}` : `Phase ${step}/${steps}`,
    part,
    [
      percent(part),
      ...(leftMs === null ? [] : [`${duration(leftMs / 1000)} left`]),
      `${duration(elapsedMs / 1000)} so far`,
      ...(facts.errors === 0 ? [] : [errorsText(facts.errors)]),
      ...limit,
      memoryText(facts.memoryBytes),
      ...(facts.errors === 0 ? ['no errors'] : []),
    ],
    columns,
  )
}

/** The same as text, for output that cannot be redrawn. */
export function overallText(standing: Standing, facts: RunFacts, tasks: readonly TaskFacts[]): string {
  const { step, steps, part, elapsedMs, leftMs } = standing
  const left = leftMs === null ? '' : `, about ${duration(leftMs / 1000)} left`
  return [
    `Phase ${step} of ${steps}, ${phasesText(standing.phases)}: ${percent(part)} of all, ${duration(elapsedMs / 1000)} so far${left}`,
    ...tasks.map(taskText),
    ...(facts.limit === null ? [] : [limitText(facts.limit)]),
    `${memoryText(facts.memoryBytes)} of memory`,
    errorsText(facts.errors),
  ].join('; ')
}

/** A task in words. */
export function taskText({ name, done, total, unit, rate, leftS }: TaskFacts): string {
  const left = leftS === null ? '' : `, about ${duration(leftS)} left`
  return `${name}: ${count(done)} of ${count(total)} ${unit}${rate === null ? '' : `, ${count(Math.round(rate))}/s`}${left}`
}

/** Says how many lines do not fit, when there are more tasks than rows. */
export function moreLine(tasks: number): string {
  return `… ${count(tasks)} more`
}

/**
 * Adds as many facts as fit after a name and a bar. Leaves the last column free, because writing there makes a terminal
 * wrap.
 */
function fitted(name: string, part: number, facts: readonly string[], columns: number): string {
  const room = columns - 1
  const lineOf = (bar: string, shown: number) =>
    [name, bar, facts.slice(0, shown).join(' | ')].filter(Boolean).join(' ')
  let shown = facts.length
  while (shown > 1 && lineOf('', shown).length > room) shown--
  const barColumns = Math.min(MOST_BAR_COLUMNS, room - lineOf('', shown).length - 1)
  if (barColumns < LEAST_BAR_COLUMNS) return lineOf('', shown).slice(0, room)
  const full = Math.round(part * barColumns)
  return lineOf('='.repeat(full) + '-'.repeat(barColumns - full), shown)
}

function phasesText(phases: readonly ProgressPhase[]): string {
  return phases.join(' and ')
}

function limitText({ by, part }: Limit): string {
  return `limited by ${by} (${Math.round(100 * part)}% of the time)`
}

function memoryText(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.round(bytes / 2 ** 20)} MiB` : formatBytes(bytes)
}

function errorsText(errors: number): string {
  return errors === 0 ? 'no errors' : counted(errors, 'error')
}

/** Never shows 100 % before the work is done. */
function percent(part: number): string {
  return `${Math.floor(100 * part)}%`
}
