import type { Value } from '../bytes/msgpack.js'
import { type Opts, Type, type TypeModel } from './type.js'

/** A type whose class is Python code of somebody's own: nothing is known but how it is stored, so any value passes. */
export class Opaque extends Type {
  constructor(
    model: TypeModel,
    name: string,
    opts: Opts,
    subof: string | null,
    readonly stortype: number,
  ) {
    super(model, name, opts, subof)
  }

  override normValue(value: Value): Value {
    return value
  }

  override isNormed(_value: Value): boolean {
    return true
  }
}
