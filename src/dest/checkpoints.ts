import { Packr } from 'msgpackr/pack'
import type * as z from 'zod/mini'
import { xxh64 } from '../bytes/xxh64.js'
import { MigrationError } from '../errors.js'
import { cortexPaths } from '../layout/paths.js'
import { SlabReader } from '../page/page-reader.js'
import { assertSound } from '../slab/assert-sound.js'
import { type Db, type Row, Slab } from '../slab/slab.js'

const packr = new Packr({ structuredClone: true })
/** Address space only. A finished stream takes some hundred bytes, a partition some kilobytes. */
const MAP_BYTES = 2 ** 36
const STREAM_DIGITS = 10

/** What we record of a finished stream, apart from the state that the writer needs. */
export interface StreamNote {
  readonly stream: number
}
const DIGEST_BYTES = 8

/**
 * What is done, and how to continue: `<dest>/migration/checkpoints.lmdb`. There is one row for each step of a layer,
 * and one more for each finished stream, so that a commit costs as much at the end of a run as at its start. The values
 * belong to the coordinator; this class never looks inside. docs/format/checkpoint.md has drawings.
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
   * Stores rows for streams of a checkpoint; durable when it returns.
   *
   * @param dropped streams that they replace
   */
  putStreams(key: string, streams: readonly StreamNote[], dropped: readonly number[] = []): void {
    this.slab.write(() => {
      for (const note of streams) this.db.put(Buffer.from(streamKey(key, note.stream)), sealed(note))
      for (const stream of dropped) this.db.delete(Buffer.from(streamKey(key, stream)))
    })
  }

  /** Removes streams of a checkpoint; durable when it returns. */
  dropStreams(key: string, streams: readonly number[]): void {
    this.slab.write(() => {
      for (const stream of streams) this.db.delete(Buffer.from(streamKey(key, stream)))
    })
  }

  /** Replaces a checkpoint and the notes of its streams; durable when it returns. */
  replace(key: string, checkpoint: object, streams: readonly StreamNote[]): void {
    const gone = this.keysFrom(`${key}/`)
    this.slab.write(() => {
      for (const noted of gone) this.db.delete(noted)
      this.db.put(Buffer.from(key), sealed(checkpoint))
      for (const note of streams) this.db.put(Buffer.from(streamKey(key, note.stream)), sealed(note))
    })
  }

  get(key: string): unknown {
    const value = this.db.get(Buffer.from(key))
    return value === undefined ? null : unsealed(key, value)
  }

  /** The notes of a checkpoint's streams, in stream order, read one by one: together they may take too much memory. */
  *streams(key: string): Generator<StreamNote> {
    for (const { value } of this.noted(key)) yield unsealed(key, value) as StreamNote
  }

  /** The first `most` notes of streams from number `from` on. */
  streamsFrom(key: string, from: number, most: number): StreamNote[] {
    const notes: StreamNote[] = []
    for (const { value } of this.noted(key, from)) {
      if (notes.push(unsealed(key, value) as StreamNote) === most) break
    }
    return notes
  }

  /** The keys that start with `prefix`, without their values: those of a large layer have hundreds of MB. */
  private keysFrom(prefix: string): Uint8Array[] {
    const start = Buffer.from(prefix)
    const keys: Uint8Array[] = []
    for (const key of this.db.keys(start)) {
      if (!start.equals(key.subarray(0, start.length))) break
      keys.push(key)
    }
    return keys
  }

  private *noted(key: string, from = 0): Generator<Row> {
    const prefix = Buffer.from(`${key}/`)
    for (const row of this.db.rows(Buffer.from(streamKey(key, from)))) {
      if (!prefix.equals(row.key.subarray(0, prefix.length))) return
      yield row
    }
  }

  /** Removes the checkpoints whose key starts with `prefix`. */
  clear(prefix: string): void {
    const gone = this.keysFrom(prefix)
    this.slab.write(() => {
      for (const key of gone) this.db.delete(key)
    })
  }

  close(): Promise<void> {
    return this.slab.close()
  }
}

/** Whether a destination has, or once had, checkpoints. */
export function checkpointsExist(destDir: string): boolean {
  return SlabReader.exists(checkpointsPath(destDir))
}

/** A checkpoint without the notes of its streams. */
export interface CheckpointHead {
  readonly value: unknown
}

/** A checkpoint and the notes of its streams. */
export interface KnownCheckpoint extends CheckpointHead {
  readonly streams: readonly unknown[]
}

/** Reads all checkpoints of a destination, read-only; empty when there are none. */
export function readCheckpoints(destDir: string): Map<string, KnownCheckpoint> {
  const path = checkpointsPath(destDir)
  if (!SlabReader.exists(path)) return new Map()
  const slab = SlabReader.open(path)
  try {
    const known = new Map<string, { value: unknown; streams: unknown[] }>()
    // `step/layer` sorts before its streams, `step/layer/number`.
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

/** Like readCheckpoints(), but leaves out the notes of streams: a large layer that is not finished has hundreds of MB. */
export function readCheckpointHeads(destDir: string): Map<string, CheckpointHead> {
  const path = checkpointsPath(destDir)
  if (!SlabReader.exists(path)) return new Map()
  const slab = SlabReader.open(path)
  try {
    const heads = new Map<string, CheckpointHead>()
    const cursor = slab.db('checkpoints')?.cursor()
    for (let more = cursor?.seek(null); more; more = cursor?.next()) {
      const key = Buffer.from(cursor?.key() ?? []).toString('utf8')
      if (!isNote(key)) heads.set(key, { value: unsealed(key, cursor?.value() ?? new Uint8Array(0)) })
    }
    slab.assertUnchanged()
    return heads
  } finally {
    slab.close()
  }
}

/** Checks the shape of a record and returns it typed. */
export function parsedRecord<Record>(record: z.ZodMiniType<Record>, key: string, value: unknown): Record {
  const { data, error } = record.safeParse(value)
  if (error === undefined) return data
  const { path, message } = error.issues[0]
  throw otherVersion(key, `${path.join('.')}: ${message}`)
}

/** The error for a record that this version cannot read. */
export function otherVersion(key: string, found: string): MigrationError {
  return new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot read checkpoint "${key}": another version of this program has made it (${found})`,
    { hint: 'Use the version that started the migration, or start it over with --restart' },
  )
}

function isNote(key: string): boolean {
  return key.split('/').length > 2
}

function streamKey(key: string, stream: number): string {
  return `${key}/${String(stream).padStart(STREAM_DIGITS, '0')}`
}

/** The checkpoint with its digest in front, so that we do not continue from one that somebody has edited. */
export function sealed(checkpoint: object): Uint8Array {
  const packed = packr.pack(checkpoint)
  const digest = Buffer.alloc(DIGEST_BYTES)
  digest.writeBigUInt64LE(xxh64(packed))
  return Buffer.concat([digest, packed])
}

export function unsealed(key: string, value: Uint8Array): unknown {
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
