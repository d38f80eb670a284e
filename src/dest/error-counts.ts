import { decode, PackMap } from '../bytes/msgpack.js'
import { type ErrorCode, errorKindInfo } from '../layout/error-record.js'
import type { PackedRecord } from '../thread/chunk-sender.js'
import type { AcceptedErrors } from './accepted-errors.js'
import { type ErrorRecord, errorOf, readErrorRecords } from './error-records.js'

/** Errors of one kind. */
export interface ErrorKind {
  readonly step: string
  readonly code: ErrorCode
  readonly errors: number
  /** How many of them are accepted. */
  readonly accepted: number
}

/** Counts errors by step and kind. Each value of node data in a record counts separately. */
export class ErrorCounts {
  private readonly kindsById = new Map<string, ErrorKind>()
  private readonly firstById = new Map<string, string>()
  private readonly accepted: AcceptedErrors | null

  constructor(accepted: AcceptedErrors | null = null) {
    this.accepted = accepted
  }

  add(record: Pick<ErrorRecord, 'step' | 'code' | 'layer' | 'key' | 'val' | 'message'>): void {
    const { step, code, val, message } = record
    const data = val instanceof PackMap ? val.get('nodedata') : undefined
    const id = idOf(record)
    const before = this.kindsById.get(id) ?? { step, code, errors: 0, accepted: 0 }
    if (before.errors === 0) this.firstById.set(id, message)
    this.kindsById.set(id, {
      ...before,
      errors: before.errors + (data instanceof PackMap ? data.entries.length : 1),
      accepted: before.accepted + (this.accepted?.countOf(record) ?? 0),
    })
  }

  /** Adds a record on its way to the migration log. */
  addPacked({ migrop, key, value }: PackedRecord): void {
    this.add(errorOf(migrop, key, decode(value)))
  }

  /** Adds the errors in the migration log of a destination, of all steps or of some. */
  addLog(destDir: string, steps: ReadonlySet<string> | null = null): void {
    for (const record of readErrorRecords(destDir) ?? []) if (steps === null || steps.has(record.step)) this.add(record)
  }

  /** The message of the first error of a kind, in the reference's words where it has some. */
  firstMessage(kind: Pick<ErrorKind, 'step' | 'code'>): string {
    return this.firstById.get(idOf(kind)) ?? ''
  }

  get acceptedCount(): number {
    return this.kinds.reduce((sum, { accepted }) => sum + accepted, 0)
  }

  /** By step, most frequent first. */
  get kinds(): ErrorKind[] {
    return this.sorted(false)
  }

  /** Kinds that we record although nothing is missing. */
  get notes(): ErrorKind[] {
    return this.sorted(true)
  }

  private sorted(areNotes: boolean): ErrorKind[] {
    const kinds = [...this.kindsById.values()].filter(({ code }) => (errorKindInfo(code).isNote === true) === areNotes)
    return kinds.sort((a, b) => (a.step < b.step ? -1 : a.step > b.step ? 1 : b.errors - a.errors))
  }
}

function idOf({ step, code }: Pick<ErrorKind, 'step' | 'code'>): string {
  return `${step} ${code}`
}
