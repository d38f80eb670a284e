import { freeAll } from './memory'
import { copy } from './spans'

/** How rows of a form's nodes are translated. */
@unmanaged
export class FormPlan {
  next: usize
  /** What JavaScript calls it. */
  id: i32
  /** What tells by its bytes that a value norms to itself, or 0. */
  check: usize
  stortype: u32
  /** The group of its values among the index rows by property. */
  group: i32
  /** msgpack of the stortype, and how many bytes that are: at most 4. */
  stor: u32
  storBytes: u32
  /** msgpack of the name, and the name. */
  packed: usize
  packedBytes: u32
  utf8: usize
  utf8Bytes: u32
  /** Nodes of the form since `takeNodes()`. */
  nodes: u32
}

/** How values of a property or tag property are translated. */
@unmanaged
export class ValuePlan {
  next: usize
  stortype: u32
  group: i32
  /** A second group, or -1. */
  univGroup: i32
  /** The destination drops so many bytes at the start of the row's name. */
  nameSkip: u32
  stor: u32
  storBytes: u32
  isTyped: bool
}

/** A pair of a tag and a form. */
@unmanaged
export class TagForm {
  next: usize
  number: i32
  /** The number of the tag. */
  tag: i32
  /** The group of its index rows; -1: not asked for yet. */
  group: i32
}

let forms: usize = 0
let values: usize = 0
let tagForms: usize = 0
let tagFormCount: i32 = 0

/** Adds a form. `names` has the msgpack of its name, `packedBytes` long, and then the name. */
export function newForm(
  id: i32,
  check: usize,
  stortype: u32,
  group: i32,
  stor: u32,
  storBytes: u32,
  names: usize,
  packedBytes: u32,
  utf8Bytes: u32,
): usize {
  const form = changetype<FormPlan>(heap.alloc(offsetof<FormPlan>()))
  form.next = forms
  form.id = id
  form.check = check
  form.stortype = stortype
  form.group = group
  form.stor = stor
  form.storBytes = storBytes
  form.packed = heap.alloc(packedBytes + utf8Bytes)
  form.packedBytes = packedBytes
  form.utf8 = form.packed + packedBytes
  form.utf8Bytes = utf8Bytes
  form.nodes = 0
  copy(form.packed, names, packedBytes + utf8Bytes)
  forms = changetype<usize>(form)
  return forms
}

export function newValue(
  stortype: u32,
  group: i32,
  univGroup: i32,
  nameSkip: u32,
  stor: u32,
  storBytes: u32,
  isTyped: bool,
): usize {
  const plan = changetype<ValuePlan>(heap.alloc(offsetof<ValuePlan>()))
  plan.next = values
  plan.stortype = stortype
  plan.group = group
  plan.univGroup = univGroup
  plan.nameSkip = nameSkip
  plan.stor = stor
  plan.storBytes = storBytes
  plan.isTyped = isTyped
  values = changetype<usize>(plan)
  return values
}

export function newTagForm(tag: i32): usize {
  const pair = changetype<TagForm>(heap.alloc(offsetof<TagForm>()))
  pair.next = tagForms
  pair.number = tagFormCount++
  pair.tag = tag
  pair.group = -1
  tagForms = changetype<usize>(pair)
  return tagForms
}

/** Returns how many nodes the form has had since the last call. */
export function takeNodes(form: usize): u32 {
  const plan = changetype<FormPlan>(form)
  const nodes = plan.nodes
  plan.nodes = 0
  return nodes
}

export function forgetPlans(): void {
  for (let form = changetype<FormPlan>(forms); changetype<usize>(form) != 0; form = changetype<FormPlan>(form.next)) {
    heap.free(form.packed)
  }
  freeAll(forms)
  freeAll(values)
  freeAll(tagForms)
  forms = 0
  values = 0
  tagForms = 0
  tagFormCount = 0
}
