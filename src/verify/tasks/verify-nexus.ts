import { decode, encode, MsgpackError, PackMap, pyEquals, type Value } from '../../bytes/msgpack.js'
import { xxh64 } from '../../bytes/xxh64.js'
import { nexusEdits } from '../../dest/nexus-edits.js'
import { NEXUS_DB, reservationRow } from '../../dest/nexus-log.js'
import { cortexPaths } from '../../layout/paths.js'
import { SlabReader } from '../../page/page-reader.js'
import { MemorySlab } from '../../slab/memory-slab.js'
import type { Row } from '../../slab/slab.js'
import { keyText } from '../cell-rows.js'
import { slabDifferences } from '../slab-differences.js'
import type { CopyDifference } from './compare-slab.js'

const BATCH_EDITS = 1000
/** How many differences we describe; we count all. */
const MOST_DIFFERENCES = 100

export interface VerifyNexusInput {
  readonly destDir: string
  /** Slab directories; the source's may not exist. */
  readonly source: string
  readonly dest: string
  /** Layers whose nodes the migration logged, and the creator of each. */
  readonly layers: readonly { readonly iden: string; readonly userIden: string }[]
  /** How many rows the edit log of each layer must have, by iden. */
  readonly nodeEdits: ReadonlyMap<string, number>
}

export interface VerifyNexusResult {
  readonly rows: number
  readonly differences: readonly CopyDifference[]
  readonly differenceCount: number
}

/**
 * Compares the nexus log of a destination. It starts with the rows of the source's log; then come the nodes of the
 * logged layers, once per time that the layer was logged; and last the row that reserves the indexes of the edit logs.
 */
export function verifyNexus(input: VerifyNexusInput): VerifyNexusResult {
  return new NexusComparison(input).run()
}

class NexusComparison {
  private readonly differences: CopyDifference[] = []
  private differenceCount = 0
  private rows = 0

  constructor(private readonly input: VerifyNexusInput) {}

  run(): VerifyNexusResult {
    const { source, dest } = this.input
    const before = SlabReader.exists(source) ? rowsOf(source) : new Map<string, Row>()
    const wanted = this.logged()
    const longest = Math.max(0, ...this.input.nodeEdits.values())
    const found = new Map<string, Digest>()
    let next = before.size === 0 ? 0 : Math.max(...[...before.values()].map(({ key }) => int(key))) + 1
    const reserved: Row[] = []
    for (const row of SlabReader.exists(dest) ? rows(dest) : []) {
      this.rows++
      const id = hex(row.key)
      const old = before.get(id)
      before.delete(id)
      if (old !== undefined) {
        if (Buffer.compare(old.value, row.value) !== 0) this.differs('different', row.key, old.value, row.value)
        continue
      }
      const batch = batchOf(row.value)
      const layer = this.input.layers.find(({ iden }) => iden === batch?.iden)
      if (batch?.edits.length === 0) {
        reserved.push(row)
        continue
      }
      // What a run appends begins at the row that an earlier one had reserved.
      const isNext = int(row.key) === next || (int(row.key) > next && int(row.key) < longest)
      if (batch === null || layer === undefined || !pyEquals(batch.user, layer.userIden) || !isNext)
        this.differs('extra', row.key, null, row.value)
      else {
        const digest = found.get(layer.iden) ?? new Digest()
        for (const edit of batch.edits) digest.add(edit)
        found.set(layer.iden, digest)
      }
      next = int(row.key) + 1
    }
    for (const { key, value } of before.values()) this.differs('missing', key, value, null)
    for (const iden of wanted.keys()) {
      const [a, b] = [wanted.get(iden) ?? new Digest(), found.get(iden) ?? new Digest()]
      // Each run that logs a layer logs all of its nodes again.
      const times = a.count === 0n ? 1n : b.count / a.count
      if (b.count === a.count * times && times > 0n && b.sum === BigInt.asUintN(64, a.sum * times)) continue
      const row = `node edits of layer ${iden}: ${a.count} expected, ${b.count} found`
      this.add({ kind: 'different', row, expected: null, found: null })
    }
    this.reservation(reserved, next - 1)
    if (SlabReader.exists(dest)) this.otherRows()
    return { rows: this.rows, differences: this.differences, differenceCount: this.differenceCount }
  }

  /** Apart from the log, the slab must equal the source's. */
  private otherRows(): void {
    const { source, dest } = this.input
    const [before, after] = [source, dest].map((path) => (SlabReader.exists(path) ? SlabReader.open(path) : null))
    try {
      slabDifferences(
        new MemorySlab(before),
        new MemorySlab(after),
        ({ kind, db, key, what, expected, found }) => {
          const row = [db, key === null ? what : keyText(key, '/')].filter(Boolean).join(' ')
          this.add({ kind, row, expected, found })
        },
        NEXUS_DB,
      )
    } finally {
      before?.close()
      after?.close()
    }
  }

  /** A digest of each layer's nodes, by iden. Skips a layer that lacks a slab, which is reported with the layer. */
  private logged(): Map<string, Digest> {
    const { destDir, layers } = this.input
    const isWhole = ({ iden }: { readonly iden: string }) =>
      (['layer_v2', 'nodedata'] as const).every((slab) =>
        SlabReader.exists(cortexPaths(destDir).layer(iden).slab(slab)),
      )
    return new Map(
      layers.filter(isWhole).map(({ iden, userIden }) => {
        const digest = new Digest()
        const options = { batchSize: BATCH_EDITS, userIden, now: () => 0 }
        try {
          for (const { nodeEdits } of nexusEdits(destDir, iden, options)) for (const edit of nodeEdits) digest.add(edit)
        } catch (error) {
          if (!(error instanceof MsgpackError)) throw error
          const row = `node edits of layer ${iden}: a row of the layer cannot be decoded: ${error.message}`
          this.add({ kind: 'different', row, expected: null, found: null })
        }
        return [iden, digest]
      }),
    )
  }

  /** @param last index of the last row that is not a reservation */
  private reservation(found: readonly Row[], last: number): void {
    const wanted = reservationRow(this.input.nodeEdits)
    let isThere = wanted === null || last >= wanted.index
    for (const { key, value } of found) {
      const isWanted = !isThere && wanted !== null && int(key) === wanted.index
      if (isWanted && Buffer.compare(value, wanted.value) === 0) isThere = true
      else this.differs(isWanted ? 'different' : 'extra', key, isWanted ? wanted.value : null, value)
      isThere ||= isWanted
    }
    if (!isThere && wanted !== null)
      this.add({ kind: 'missing', row: `${NEXUS_DB} ${wanted.index}`, expected: wanted.value, found: null })
  }

  private differs(
    kind: CopyDifference['kind'],
    key: Uint8Array,
    expected: Uint8Array | null,
    found: Uint8Array | null,
  ): void {
    this.add({ kind, row: `${NEXUS_DB} ${key.length === 8 ? int(key) : hex(key)}`, expected, found })
  }

  private add(difference: CopyDifference): void {
    this.differenceCount++
    if (this.differences.length < MOST_DIFFERENCES) this.differences.push(difference)
  }
}

/** Identifies a set of node edits, in any order. */
class Digest {
  count = 0n
  sum = 0n

  add(edit: Value): void {
    this.count++
    this.sum = BigInt.asUintN(64, this.sum + xxh64(encode(edit)))
  }
}

/** A row of node edits `[layer iden, "edits", [node edits, meta], {}, {}]`; null for other rows. */
function batchOf(value: Uint8Array): { iden: string; edits: Value[]; user: Value } | null {
  try {
    const row = decode(value)
    if (!Array.isArray(row) || row.length !== 5) return null
    const [iden, name, args, ...maps] = row
    const areEmpty = maps.every((map) => map instanceof PackMap && map.entries.length === 0)
    if (typeof iden !== 'string' || name !== 'edits' || !Array.isArray(args) || args.length !== 2 || !areEmpty)
      return null
    const [edits, meta] = args
    if (!Array.isArray(edits) || !(meta instanceof PackMap)) return null
    const time = meta.get('time')
    const isWhole = edits.length === 0 || (meta.entries.length === 2 && typeof time === 'number' && time > 0)
    return isWhole ? { iden, edits, user: meta.get('user') ?? null } : null
  } catch {
    return null
  }
}

function rowsOf(path: string): Map<string, Row> {
  return new Map([...rows(path)].map((row) => [hex(row.key), row]))
}

function* rows(path: string): Generator<Row> {
  const slab = SlabReader.open(path)
  try {
    yield* slab.db(NEXUS_DB)?.rows() ?? []
  } finally {
    slab.close()
  }
}

function int(key: Uint8Array): number {
  return key.length === 8 ? Number(Buffer.from(key).readBigUInt64BE()) : -1
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
