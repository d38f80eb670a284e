import { Packr } from 'msgpackr/pack'
import type * as z from 'zod/mini'
import { xxh64 } from '../bytes/hash.js'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { assertSound } from '../slab/assert-sound.js'
import { type Db, Slab } from '../slab/slab.js'

const packr = new Packr({ structuredClone: true })
/** Address space only: some hundred bytes for each finished stream, for a partition some kilobytes. */
const MAP_BYTES = 2 ** 36
const STREAM_DIGITS = 10

/** What is noted of one finished stream, beside the state that the writer needs again. */
export interface StreamNote {
  readonly stream: number
}
const DIGEST_BYTES = 8

/**
 * What is done, and how to go on from there: `<dest>/migration/checkpoints.lmdb`. For each step of a layer one row, and
 * one more for each stream that is finished, so that a commit costs the same at the end of a run as at its start. The values
 * are the coordinator's, this class never looks into them. docs/format/checkpoint.md draws them.
 */
export class Checkpoints {
  private readonly db: Db

  static async open(destDir: string): Promise<Checkpoints> {
    assertSound(checkpointsPath(destDir))
    return new Checkpoints(await Slab.open(checkpointsPath(destDir), { mapBytes: MAP_BYTES }))
  }

  private constructor(private readonly slab: Slab) {
    this.db = slab.db('checkpoints')
  }

  /** Durable when it returns. */
  put(key: string, checkpoint: object): void {
    this.slab.write(() => this.db.put(Buffer.from(key), sealed(checkpoint)))
  }

  /**
   * Stores the rows of streams that belong to a checkpoint; durable when it returns.
   *
   * @param dropped streams in whose place they are
   */
  putStreams(key: string, streams: readonly StreamNote[], dropped: readonly number[] = []): void {
    this.slab.write(() => {
      for (const note of streams) this.db.put(Buffer.from(streamKey(key, note.stream)), sealed(note))
      for (const stream of dropped) this.db.delete(Buffer.from(streamKey(key, stream)))
    })
  }

  /** Forgets streams of a checkpoint; durable when it returns. */
  dropStreams(key: string, streams: readonly number[]): void {
    this.slab.write(() => {
      for (const stream of streams) this.db.delete(Buffer.from(streamKey(key, stream)))
    })
  }

  /** Stores a checkpoint and what is noted of its streams in place of all that was; durable when it returns. */
  replace(key: string, checkpoint: object, streams: readonly StreamNote[]): void {
    const gone = this.streams(key)
    this.slab.write(() => {
      for (const { stream } of gone) this.db.delete(Buffer.from(streamKey(key, stream)))
      this.db.put(Buffer.from(key), sealed(checkpoint))
      for (const note of streams) this.db.put(Buffer.from(streamKey(key, note.stream)), sealed(note))
    })
  }

  get(key: string): unknown {
    const value = this.db.get(Buffer.from(key))
    return value === undefined ? null : unsealed(key, value)
  }

  keys(): string[] {
    return [...this.db.rows()].map(({ key }) => Buffer.from(key).toString('utf8'))
  }

  /** The rows of a checkpoint's streams, by stream. */
  streams(key: string): StreamNote[] {
    const first = Buffer.from(`${key}/`)
    return [...this.db.rows()].flatMap((row) =>
      first.equals(row.key.subarray(0, first.length)) ? [unsealed(key, row.value) as StreamNote] : [],
    )
  }

  /** Forgets the checkpoints whose key starts so. */
  clear(prefix: string): void {
    const gone = this.keys().filter((key) => key.startsWith(prefix))
    this.slab.write(() => {
      for (const key of gone) this.db.delete(Buffer.from(key))
    })
  }

  close(): Promise<void> {
    return this.slab.close()
  }
}

/** Whether a destination has checkpoints, or had some. */
export function checkpointsExist(destDir: string): boolean {
  return SlabReader.exists(checkpointsPath(destDir))
}

/** A checkpoint and what is noted of its streams. */
export interface KnownCheckpoint {
  readonly value: unknown
  readonly streams: readonly unknown[]
}

/** Reads all checkpoints of a destination without opening them for writing; empty when there are none. */
export function readCheckpoints(destDir: string): Map<string, KnownCheckpoint> {
  const path = checkpointsPath(destDir)
  if (!SlabReader.exists(path)) return new Map()
  const slab = SlabReader.open(path)
  try {
    const known = new Map<string, { value: unknown; streams: unknown[] }>()
    // `step/layer` comes before its streams, `step/layer/number`.
    for (const row of slab.db('checkpoints')?.rows() ?? []) {
      const key = Buffer.from(row.key).toString('utf8')
      const value = unsealed(key, row.value)
      const owner = known.get(key.slice(0, key.lastIndexOf('/')))
      if (owner === undefined) known.set(key, { value, streams: [] })
      else owner.streams.push(value)
    }
    slab.assertUnchanged()
    return known
  } finally {
    slab.close()
  }
}

/** A record in the shape that it must have. */
export function parsedRecord<Record>(record: z.ZodMiniType<Record>, key: string, value: unknown): Record {
  const { data, error } = record.safeParse(value)
  if (error === undefined) return data
  const { path, message } = error.issues[0]
  throw otherVersion(key, `${path.join('.')}: ${message}`)
}

/** What is thrown when a record is none of this version. */
export function otherVersion(key: string, found: string): MigrationError {
  return new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot read checkpoint "${key}": another version of this program has made it (${found})`,
    { hint: 'Use the version that started the migration, or start it over with --restart' },
  )
}

function streamKey(key: string, stream: number): string {
  return `${key}/${String(stream).padStart(STREAM_DIGITS, '0')}`
}

/** The checkpoint behind its digest: what somebody has edited must not be gone on from. */
function sealed(checkpoint: object): Uint8Array {
  const packed = packr.pack(checkpoint)
  const digest = Buffer.alloc(DIGEST_BYTES)
  digest.writeBigUInt64LE(xxh64(packed))
  return Buffer.concat([digest, packed])
}

function unsealed(key: string, value: Uint8Array): unknown {
  const packed = Buffer.from(value.subarray(DIGEST_BYTES))
  const digest = value.length > DIGEST_BYTES ? Buffer.from(value).readBigUInt64LE() : null
  const found = xxh64(packed)
  if (digest === found) return packr.unpack(packed)
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot read checkpoint "${key}": its digest is ${hex(found)}, it was stored with ${digest === null ? 'none' : hex(digest)}`,
    { hint: 'It was edited or damaged, or made by an older version: start over with --restart' },
  )
}

function hex(digest: bigint): string {
  return digest.toString(16).padStart(16, '0')
}

function checkpointsPath(destDir: string): string {
  return cortexPaths(destDir).migration.checkpoints
}
