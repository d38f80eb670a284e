import { isMsgpack, type Value } from '../bytes/msgpack.js'
import type { ModelData } from '../model/model.js'
import { FormFinder } from '../source/form-finder.js'
import { Flag, type NodeTranslator } from '../translate/node.js'
import { packedName, SourceNode, strictText } from '../translate/source-node.js'
import { RangeScan } from './range-scan.js'
import { openSource } from './worker-state.js'

export const BUID_BYTES = 32
/** LMDB's limit: packed names are keys of the abbreviation tables. */
export const MOST_NAME_BYTES = 511

/** What tasks that translate nodes of a layer are told. */
export interface NodeSource {
  readonly layer: string
  /** Path of the source's `layer.lmdb`. */
  readonly layerPath: string
  /** Path of the source's `nodedata.lmdb`, null when it is not migrated or not there. */
  readonly nodedataPath: string | null
  /** `layer.lmdb` of the layers below; empty when partial nodes are not resolved. */
  readonly otherLayerPaths: readonly string[]
  /** Forms of partial nodes that no other layer knows, by buid in hex. */
  readonly knownForms: readonly (readonly [string, string])[]
  readonly checks: boolean
  readonly mapPartial: boolean
  readonly model: ModelData
}

/** Packed name and raw value of one row of node data. */
export interface NodedataRow {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

export function formFinder({ otherLayerPaths, knownForms }: NodeSource): FormFinder {
  return new FormFinder(otherLayerPaths.map(openSource), new Map(knownForms))
}

/** Reads the nodes of a layer and their node data one by one; `extractNodes()` has loops of its own, made for speed. */
export class NodeReader {
  readonly node = new SourceNode()
  readonly nodeRows: RangeScan
  readonly dataRows: RangeScan

  constructor({ layerPath, nodedataPath }: NodeSource) {
    this.nodeRows = new RangeScan(openSource(layerPath), 'bybuid')
    this.dataRows = new RangeScan(nodedataPath === null ? null : openSource(nodedataPath), 'bybuid')
  }

  seek(start: Uint8Array | null, end: Uint8Array | null): void {
    this.nodeRows.seek(start, end)
    this.dataRows.seek(start, end)
  }

  /** Takes the node that `nodeRows` stands on; it is `node` until the next one is taken. */
  takeNode(): void {
    const { node, nodeRows } = this
    const { cursor } = nodeRows
    node.begin(cursor.buf, cursor.keyStart)
    do {
      const nameStart = cursor.keyStart + BUID_BYTES
      node.add(cursor.buf, nameStart, cursor.keyEnd, cursor.valueBuf, cursor.valueStart, cursor.valueEnd)
    } while (nodeRows.next() && nodeRows.startsWith(node.buid))
  }

  /** Takes a buid's node data: what can be migrated, given the node's form is known, and what cannot, by name. */
  takeData(buid: Uint8Array, hasForm: boolean): { kept: NodedataRow[]; lost: [Value, Value][] } {
    const { dataRows } = this
    const kept: NodedataRow[] = []
    const lost: [Value, Value][] = []
    for (; dataRows.isOpen && dataRows.startsWith(buid); dataRows.next()) {
      const nameBytes = dataRows.cursor.key().slice(BUID_BYTES)
      const value = dataRows.cursor.value()
      const text = strictText(nameBytes)
      const name = text === null ? null : packedName(text, null)
      const isSound = hasForm && name !== null && name.length <= MOST_NAME_BYTES && isMsgpack(value)
      if (isSound) kept.push({ name, value })
      else lost.push([text ?? nameBytes, value])
    }
    return { kept, lost }
  }
}

/** The name in the key of the translator's row `at`, in UTF-8. */
export function rowName(node: SourceNode, { rows, flags, nameSkip }: NodeTranslator, at: number): Uint8Array {
  return flags[at] === Flag.ndef ? new Uint8Array(0) : node.name(rows[at]).subarray(nameSkip[at])
}

/** The value of the translator's row `at`, end to end: `[form, valu, stortype]`, `[valu, stortype]` or the bare value. */
export function rowValue(node: SourceNode, translator: NodeTranslator, at: number): readonly Uint8Array[] {
  const i = translator.rows[at]
  const valu = node.rowBuf[i].subarray(node.valuStart(i), translator.valuEnd[at])
  const stor = translator.stor[at]
  if (stor === null) return [valu]
  const { form } = translator
  if (translator.flags[at] === Flag.ndef && form !== null) return [Uint8Array.of(0x93), form.nameBytes, valu, stor]
  return [Uint8Array.of(0x92), valu, stor]
}
