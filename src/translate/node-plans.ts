import { NumberSet, roomyArray } from '../bytes/number-set.js'
import { PairIndex } from '../bytes/pair-index.js'
import { SpanMap } from '../bytes/span-map.js'
import { INDEX_DBS, type IndexDb, type KeyName, keyOf } from '../layout/dest-dbs.js'
import type { Model } from '../model/model.js'
import type { Type } from '../model/type.js'
import { FormPlan, PropPlan } from './form-plan.js'
import { NameTable } from './name-table.js'
import { Rejected, reject } from './node-failure.js'
import { packedName, strictText } from './source-node.js'

/** LMDB's `MDB_BAD_VALSIZE`, which the reference raises for keys that are too long for Synapse's slabs. */
export const BAD_VALSIZE = 'mdb_put: MDB_BAD_VALSIZE: Unsupported size of key/DB name/data, or wrong DUPFIXED size'
const MAX_KEY_BYTES = 511
export const MAX_NAME_BYTES = MAX_KEY_BYTES - 33

/** A name at the start of an index key, numbered as in the tables of abbreviations. */
export interface GroupName {
  readonly kind: KeyName
  readonly name: Uint8Array
}

/** Numbers of names, and of pairs of names, that rows use. */
class UsedNames {
  readonly prop = new NumberSet()
  readonly tag = new NumberSet()
  readonly tagProp = new NumberSet()
  readonly tagForms = new NumberSet()

  clear(): void {
    for (const set of [this.prop, this.tag, this.tagProp, this.tagForms]) set.clear()
  }
}

/** Numbers of groups, by database; the same may come again. */
type UsedGroups = Readonly<Record<IndexDb, Int32Array>>

/**
 * What a translator has learned of a layer: the names that its rows use, numbered, and how values of each form, property
 * and tag property are translated.
 */
export class NodePlans {
  readonly propNames = new NameTable()
  readonly tagNames = new NameTable()
  readonly tagPropNames = new NameTable()

  private readonly nameTables: Readonly<Record<KeyName, NameTable>> = {
    prop: this.propNames,
    tag: this.tagNames,
    tagProp: this.tagPropNames,
  }
  /** Groups of keys with two names: `a` is the number of the tag, `b` that of the form. */
  private readonly tagForms = new PairIndex()
  /** What some rows use of the tables. */
  private readonly used = new UsedNames()
  /** The ranks of the two names of each used group. */
  private tagRanks = new Int32Array(0)
  private formRanks = new Int32Array(0)
  private readonly forms = new Map<string, FormPlan>()
  /** Plans of tag properties, by the number of the tag, then by the group of the form. */
  private readonly tagPropPlans = new Map<number, SpanMap<PropPlan>[]>()

  constructor(
    private readonly model: Model,
    private readonly layer: string,
  ) {}

  /** The type of a form; null if the model has no such form. */
  formType(form: string): Type | null {
    return this.model.form(form)?.type ?? null
  }

  /** The plan of a form; null if the model has no such form. */
  form(form: string): FormPlan | null {
    let plan = this.forms.get(form)
    if (plan === undefined) {
      const found = this.model.forms.get(form)
      if (found === undefined) return null
      plan = new FormPlan(found, this.propNames)
      this.forms.set(form, plan)
    }
    return plan
  }

  /** @throws {Rejected} when the model has no such property, or its name is too long */
  prop(form: FormPlan, rowName: string): PropPlan {
    // Like the reference, treat a second form row as a property, without its star.
    const isStarred = rowName.startsWith('*')
    const name = isStarred ? rowName.slice(1) : rowName
    const isUniv = name.startsWith('.')
    const prop = isUniv ? this.model.univs.get(name) : form.form.props.get(name)
    if (prop === undefined) {
      return reject('STORTYPE', `Unable to determine stortype for sprop ${name.replaceAll('*', '')}, form ${form.name}`)
    }
    const univGroup = isUniv ? this.nameId(this.propNames, null, name) : -1
    return new PropPlan(prop.stortype, this.nameId(this.propNames, form.name, name), univGroup, isStarred ? 1 : 0)
  }

  /** The number of a tag. @throws {Rejected} when no key can hold it */
  tag(bytes: Uint8Array): number {
    if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES) throw unstorable(this.layer, BAD_VALSIZE)
    return this.tagNames.id(bytes)
  }

  /** The group of a tag's index rows at nodes of a form. */
  tagForm(tag: number, form: FormPlan): number {
    return this.tagForms.id(tag, form.group)
  }

  /** The plans of tag properties that are known for a tag and a form. */
  tagProps(tag: number, form: FormPlan): SpanMap<PropPlan> {
    let byForm = this.tagPropPlans.get(tag)
    if (byForm === undefined) {
      byForm = []
      this.tagPropPlans.set(tag, byForm)
    }
    byForm[form.group] ??= new SpanMap()
    return byForm[form.group]
  }

  /** @throws {Rejected} when the model has no such tag property, or its name is too long */
  tagProp(tag: number, form: FormPlan, name: string): PropPlan {
    const prop = this.model.tagProps.get(name)
    if (prop === undefined) {
      throw new Rejected(
        'STORTYPE',
        `Unable to determine stortype for tagprop ${name}: 'NoneType' object has no attribute 'base'`,
      )
    }
    const tagName = strictText(this.tagNames.name(tag))
    return new PropPlan(
      prop.stortype,
      this.nameId(this.tagPropNames, form.name, tagName, name),
      this.nameId(this.tagPropNames, null, tagName, name),
      1,
      prop.stortype !== prop.baseStortype,
    )
  }

  /** The names at the start of the keys of a group, in key order. */
  groupNames(db: IndexDb, group: number): readonly GroupName[] {
    const [kind, second] = keyOf(db)
    if (second === undefined) return [{ kind, name: this.nameTables[kind].name(group) }]
    const { a, b } = this.tagForms
    return [
      { kind, name: this.nameTables[kind].name(a[group]) },
      { kind: second, name: this.nameTables[second].name(b[group]) },
    ]
  }

  /**
   * The order of the names of some groups. It stays right, for these and for those that were given before, as long as
   * `sorts` is the same.
   *
   * @returns the places of the names of these groups among all that were ever given; valid until the next call
   */
  order(groups: UsedGroups) {
    const { prop, tag, tagProp } = this.nameTables
    const used = this.namesOf(groups)
    const places = { prop: prop.order(used.prop), tag: tag.order(used.tag), tagProp: tagProp.order(used.tagProp) }
    return this.groupRanks(places, used.tagForms)
  }

  /** The places of names of properties that `order()` has given; valid until its next call. */
  get propPlaces(): Int32Array {
    return this.propNames.places
  }

  /** How often names were sorted anew. */
  get sorts(): number {
    return this.propNames.sorts + this.tagNames.sorts + this.tagPropNames.sorts
  }

  /**
   * The names of some groups in byte order, and the ranks of names and groups among them; valid until the next call.
   */
  ranks(groups: UsedGroups) {
    const { prop, tag, tagProp } = this.nameTables
    const used = this.namesOf(groups)
    const names = { prop: prop.ranks(used.prop), tag: tag.ranks(used.tag), tagProp: tagProp.ranks(used.tagProp) }
    const ranks = { prop: names.prop.rank, tag: names.tag.rank, tagProp: names.tagProp.rank }
    return { names, of: this.groupRanks(ranks, used.tagForms) }
  }

  private namesOf(groups: UsedGroups): UsedNames {
    const { used } = this
    const { a, b } = this.tagForms
    used.clear()
    for (const db of INDEX_DBS) {
      const [kind, second] = keyOf(db)
      addNumbers(second === undefined ? used[kind] : used.tagForms, groups[db])
    }
    for (let i = 0; i < used.tagForms.size; i++) {
      used.tag.add(a[used.tagForms.at(i)])
      used.prop.add(b[used.tagForms.at(i)])
    }
    return used
  }

  /** The ranks of each group's names, given those of names. */
  private groupRanks(ranks: Readonly<Record<KeyName, Int32Array>>, tagForms: NumberSet) {
    const { size, a, b } = this.tagForms
    this.tagRanks = roomyArray(this.tagRanks, size)
    this.formRanks = roomyArray(this.formRanks, size)
    const pairs = { first: this.tagRanks, second: this.formRanks }
    for (let i = 0; i < tagForms.size; i++) {
      const group = tagForms.at(i)
      pairs.first[group] = ranks.tag[a[group]]
      pairs.second[group] = ranks.prop[b[group]]
    }
    return (db: IndexDb) => {
      const [kind, second] = keyOf(db)
      return second === undefined ? { first: ranks[kind], second: null } : pairs
    }
  }

  /** How many names it remembers. */
  get nameCount(): number {
    return this.propNames.size + this.tagNames.size + this.tagPropNames.size + this.tagForms.size
  }

  private nameId(table: NameTable, ...parts: (string | null)[]): number {
    const name = packedName(...parts)
    if (name.length > MAX_KEY_BYTES) throw unstorable(this.layer, BAD_VALSIZE)
    return table.id(name)
  }
}

/** On its own, so that V8 compiles the loop once for all databases. */
function addNumbers(to: NumberSet, numbers: Int32Array): void {
  for (let i = 0; i < numbers.length; i++) to.add(numbers[i])
}

export function unstorable(layer: string, why: string): Rejected {
  return new Rejected('INDEX', `Unable to store nodeedits on ${layer}: ${why}`)
}
