import type { Kernel } from '../kernel/kernel.js'
import { BYTE_CHECKS, type ByteCheck, Type } from '../model/type.js'

/** The heads of longer arrays are longer than what the kernel reads. */
const MOST_ITEMS = 15
const CHARS = 256

/** Gives the kernel the checks of types: by the bytes of a value they tell that it norms to itself. */
export class CheckPlans {
  /** The addresses of the kernel's checks. */
  private readonly byType = new Map<Type, number>()
  /** The addresses of its tables of bytes. */
  private readonly tables = new Map<string, number>()

  constructor(private readonly kernel: Kernel) {}

  /** The address of a type's check; 0 when its values are JavaScript's. */
  of(type: Type): number {
    const known = this.byType.get(type)
    if (known !== undefined) return known
    // A type may hold itself.
    this.byType.set(type, 0)
    const { byteCheck } = type
    const check = byteCheck === null ? 0 : this.add(byteCheck)
    this.byType.set(type, check)
    return check
  }

  private add({ kind, chars, low = -Infinity, high = Infinity, mark = 1, items = [], values }: ByteCheck): number {
    const checks = items.map((item) => {
      if (item === undefined) return 0
      return item instanceof Type ? this.of(item) : this.add(item)
    })
    if (checks.includes(0) || checks.length > MOST_ITEMS) return 0
    const { calls } = this.kernel
    let table = chars === undefined ? 0 : this.table(chars)
    if (values !== undefined) table = this.valueTable(values)
    const check = calls.newCheck(BYTE_CHECKS.indexOf(kind), table, low, high, values?.length ?? mark, checks.length)
    for (const [i, item] of checks.entries()) calls.setCheckItem(check, i, item)
    return check
  }

  private valueTable(values: readonly number[]): number {
    const table = this.kernel.calls.newTable(8 * values.length)
    const { view } = this.kernel
    for (const [i, value] of values.entries()) view.setFloat64(table + 8 * i, value, true)
    return table
  }

  private table(chars: string): number {
    let table = this.tables.get(chars)
    if (table === undefined) {
      table = this.kernel.calls.newTable(CHARS)
      const allowed = new RegExp(`[${chars}]`)
      const { mem } = this.kernel
      for (let char = 0; char < CHARS; char++) mem[table + char] = Number(allowed.test(String.fromCharCode(char)))
      this.tables.set(chars, table)
    }
    return table
  }
}
