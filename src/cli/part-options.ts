import type { ParsedRunLog } from './run-log.js'

/** Which part, and of how many. */
export interface ParsedShare {
  readonly part: number
  readonly parts: number
}

/** The options of the group as commander leaves them; each command has some of them. */
export interface ParsedPart extends ParsedRunLog {
  readonly src: string
  readonly dest: string
  readonly workers: number
  readonly memory: number
  readonly json?: boolean
}

export interface ParsedPlan extends ParsedPart {
  readonly partBytes: number
  readonly layer: string[]
  readonly skipLayer: string[]
  readonly model: string[]
  readonly mapPartial: boolean
  readonly orphanLayers?: boolean
  readonly safetyOff?: boolean
  readonly restart?: boolean
}

export interface ParsedStep extends ParsedPart {
  readonly layer: string
  readonly part: ParsedShare
}

export interface ParsedFinish extends ParsedPart {
  readonly layer?: string
  readonly verify?: boolean
  readonly acceptErrors?: string
}
