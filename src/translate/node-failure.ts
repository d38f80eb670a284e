import type { ErrorCode } from '../layout/error-record.js'
import { pyBytesRepr } from '../python/repr.js'
import { type SourceNode, strictText } from './source-node.js'

/** Why we left out a node, or one of its values. */
export interface NodeFailure {
  readonly code: Extract<
    ErrorCode,
    'ROW' | 'FORM' | 'PARTIAL' | 'STORTYPE' | 'NORM' | 'BUID' | 'INDEX' | 'NULL' | 'NAME' | 'INTERNAL'
  >
  /** The reference's text where it has one for this case. */
  readonly mesg: string
}

/** Thrown when a node cannot be translated. */
export class Rejected extends Error {
  readonly failure: NodeFailure

  constructor(code: NodeFailure['code'], mesg: string) {
    super(mesg)
    this.failure = { code, mesg }
  }
}

export function reject(code: NodeFailure['code'], mesg: string): never {
  throw new Rejected(code, mesg)
}

export function buidRepr(node: SourceNode): string {
  return pyBytesRepr(Uint8Array.from(node.buid))
}

export function rowRepr(node: SourceNode, i: number): string {
  const bytes = node.name(i)
  return strictText(bytes) ?? pyBytesRepr(bytes)
}
