import { decode, PackMap } from '../bytes/msgpack.js'
import { type ErrorCode, errorKindInfo } from '../layout/error-record.js'
import type { PackedRecord } from '../thread/chunk-sender.js'
import { type ErrorRecord, errorOf, readErrorRecords } from './error-records.js'

/** Errors of one kind. */
export interface ErrorKind {
  readonly step: string
  readonly code: ErrorCode
  readonly errors: number
}

/** Counts errors by step and kind; each value of node data that a record holds counts by itself. */
export class ErrorCounts {
  readonly #kinds = new Map<string, ErrorKind>()

  add({ step, code, val }: Pick<ErrorRecord, 'step' | 'code' | 'val'>): void {
    const data = val instanceof PackMap ? val.get('nodedata') : undefined
    const id = `${step} ${code}`
    const before = this.#kinds.get(id)?.errors ?? 0
    this.#kinds.set(id, { step, code, errors: before + (data instanceof PackMap ? data.entries.length : 1) })
  }

  /** A record on its way to the migration log. */
  addPacked({ migrop, key, value }: PackedRecord): void {
    this.add(errorOf(migrop, key, decode(value)))
  }

  /** Those that the migration log of a destination has, of all steps or of some. */
  addLog(destDir: string, steps: ReadonlySet<string> | null = null): void {
    for (const record of readErrorRecords(destDir) ?? []) if (steps === null || steps.has(record.step)) this.add(record)
  }

  /** By step, the most first. */
  get kinds(): ErrorKind[] {
    return this.#sorted(false)
  }

  /** What was recorded though nothing is missing. */
  get notes(): ErrorKind[] {
    return this.#sorted(true)
  }

  #sorted(areNotes: boolean): ErrorKind[] {
    const kinds = [...this.#kinds.values()].filter(({ code }) => (errorKindInfo(code).isNote === true) === areNotes)
    return kinds.sort((a, b) => (a.step < b.step ? -1 : a.step > b.step ? 1 : b.errors - a.errors))
  }
}
