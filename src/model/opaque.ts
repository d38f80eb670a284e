import type { Value } from '../bytes/msgpack.js'
import { type Opts, Type, type TypeModel } from './type.js'

/** A type whose class is custom Python code. We know only how to store it, so we accept any value. */
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
