import { decode, pyEquals } from '../bytes/msgpack.js'
import type { Kernel, NodeHelp } from '../kernel/kernel.js'
import type { Type } from '../model/type.js'
import { readU48 } from '../page/format.js'
import { writeIndex } from '../stortype/registry.js'
import type { FormPlan, PropPlan } from '../translate/form-plan.js'
import type { NodePlans } from '../translate/node-plans.js'
import { strictText } from '../translate/source-node.js'
import type { CheckPlans } from './check-plans.js'

/** A form that the kernel knows. */
export interface KnownForm {
  readonly plan: FormPlan
  /** The address of the kernel's plan. */
  readonly at: number
}

/**
 * Tells the kernel how values are translated, and does for it what needs more than bytes. Whatever fails here is for
 * `NodeTranslator`, which says why.
 */
export class PlanHelp implements NodeHelp {
  private readonly index = Buffer.alloc(1024)

  constructor(
    private readonly kernel: Kernel,
    private readonly plans: NodePlans,
    /** By the id that the kernel has for them. */
    private readonly forms: KnownForm[],
    private readonly checks: CheckPlans,
    /** Reads a value from overflow pages. */
    private readonly bigValue: (page: number, bytes: number) => Uint8Array,
  ) {}

  learnForm(name: number, bytes: number): number {
    const text = this.text(name, bytes)
    const plan = orNull(() => (text === null ? null : this.plans.form(text)))
    if (plan === null) return 0
    const { calls } = this.kernel
    const names = Buffer.concat([plan.nameBytes, plan.nameUtf8])
    const at = calls.allocate(names.length)
    this.kernel.mem.set(names, at)
    const { stor, storBytes } = packedStor(plan)
    const form = calls.newForm(
      this.forms.length,
      this.checkOf(plan.form.type),
      plan.stortype,
      plan.group,
      stor,
      storBytes,
      at,
      plan.nameBytes.length,
      plan.nameUtf8.length,
    )
    calls.release(at)
    this.forms.push({ plan, at: form })
    return form
  }

  learnProp(form: number, name: number, bytes: number): number {
    const text = this.text(name, bytes)
    return this.value(() => (text === null ? null : this.plans.prop(this.forms[form].plan, text)))
  }

  learnTagProp(tag: number, form: number, name: number, bytes: number): number {
    const text = this.text(name, bytes)
    // Those with a colon are dropped, and the node is kept.
    if (text === null || text.includes(':')) return 0
    return this.value(() => this.plans.tagProp(tag, this.forms[form].plan, text))
  }

  learnTag(name: number, bytes: number): number {
    const text = this.text(name, bytes)
    if (text === null) return -1
    return orNull(() => this.plans.tag(Buffer.from(text))) ?? -1
  }

  learnTagForm(tag: number, form: number): number {
    return this.plans.tagForm(tag, this.forms[form].plan)
  }

  learnCheck(name: number, bytes: number): number {
    const text = this.text(name, bytes)
    const type = orNull(() => (text === null ? null : this.plans.formType(text)))
    return type === null ? 0 : this.checkOf(type)
  }

  isNormed(form: number, at: number, end: number): boolean {
    const { type } = this.forms[form].plan.form
    try {
      const valu = decode(this.kernel.mem, at, end)
      const normed = type.isNormed(valu) ? valu : type.norm(valu).valu
      // A float that is no number is not even equal to itself.
      return normed === valu
        ? typeof valu === 'string' || typeof valu === 'number' || pyEquals(valu, valu)
        : pyEquals(valu, normed)
    } catch {
      return false
    }
  }

  readBig(ref: number, out: number, bytes: number): void {
    const { mem } = this.kernel
    mem.set(this.bigValue(readU48(mem, ref), bytes), out)
  }

  indexOf(stortype: number, at: number, end: number, out: number): number {
    try {
      const bytes = writeIndex(stortype, this.kernel.mem, at, end, this.index, 0)
      this.index.copy(this.kernel.mem, out, 0, bytes)
      return bytes
    } catch {
      return -1
    }
  }

  private checkOf(type: Type): number {
    return orNull(() => this.checks.of(type)) ?? 0
  }

  private value(plan: () => PropPlan | null): number {
    const found = orNull(plan)
    if (found === null) return 0
    const { stor, storBytes } = packedStor(found)
    const { stortype, group, univGroup, nameSkip, isTyped } = found
    return this.kernel.calls.newValue(stortype, group, univGroup, nameSkip, stor, storBytes, isTyped)
  }

  private text(at: number, bytes: number): string | null {
    return strictText(this.kernel.mem.subarray(at, at + bytes))
  }
}

/** The msgpack of a stortype as a number, its first byte lowest. */
function packedStor({ storBytes }: { readonly storBytes: Uint8Array }): { stor: number; storBytes: number } {
  const stor = storBytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
  return { stor, storBytes: storBytes.length }
}

/** `NodeTranslator` will meet the same error, and says what it is. */
function orNull<Value>(make: () => Value): Value | null {
  try {
    return make()
  } catch {
    return null
  }
}
