import { ABRV_SPACES, type KeyName } from '../layout/dest-dbs.js'
import type { SlabReader } from '../page/page-reader.js'

/** A number that no counter reaches: stands for a name without an abbreviation in the destination. */
const NONE = Buffer.alloc(8, 0xff)

const known = new WeakMap<SlabReader, AbrvNames>()

/** The abbreviations of a destination layer: 8 bytes in index keys that stand for a property's or tag's name. */
export class AbrvNames {
  private readonly abrvs: Readonly<Record<KeyName, Map<string, Uint8Array>>>
  private readonly propNames: Map<string, Uint8Array>

  /** Reads them once per reader. */
  static of(layer: SlabReader): AbrvNames {
    const found = known.get(layer) ?? new AbrvNames(layer)
    known.set(layer, found)
    return found
  }

  private constructor(layer: SlabReader) {
    const abrvs = (kind: KeyName) => table(layer, `${ABRV_SPACES[kind]}:byts2abrv`)
    this.abrvs = { prop: abrvs('prop'), tag: abrvs('tag'), tagProp: abrvs('tagProp') }
    this.propNames = table(layer, 'propabrv:abrv2byts')
  }

  of(kind: KeyName, name: Uint8Array): Uint8Array {
    return this.abrvs[kind].get(latin1(name)) ?? NONE
  }

  /** The packed name behind an abbreviation, or the abbreviation itself. */
  propName(abrv: Uint8Array): Uint8Array {
    return this.propNames.get(latin1(abrv)) ?? abrv
  }
}

function table(layer: SlabReader, name: string): Map<string, Uint8Array> {
  return new Map([...(layer.db(name)?.rows() ?? [])].map(({ key, value }) => [latin1(key), value]))
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
