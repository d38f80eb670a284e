import { createRequire } from 'node:module'
import { PackMap, type Value } from '../bytes/msgpack.js'
import { ModelError } from '../norm-error.js'
import { pyRepr } from '../python/repr.js'
import { ArrayType } from './array.js'
import { ctors } from './ctors.js'
import type { ModelFile, TypeDef, TypeDefRef } from './model-file.js'
import { Opaque } from './opaque.js'
import { plainOpts } from './opts.js'
import { modelError, type Opts, type Type, type TypeModel } from './type.js'

export interface Form {
  readonly name: string
  readonly full: string
  readonly type: Type
  readonly stortype: number
  /** By relative name, with universal properties, whose names start with a dot. */
  readonly props: Map<string, Prop>
}

export interface Prop {
  readonly name: string
  readonly full: string
  readonly type: Type
  readonly stortype: number
}

export interface TagProp extends Prop {
  /** The stortype without the property's own type options; the reference stores nodes with this one. */
  readonly baseStortype: number
}

/** What a model has beyond the core model, in a form that we can send to a worker thread. */
export interface ModelData {
  readonly now: number
  readonly additions: readonly Addition[]
}

/** The rows of the extended model as the 0.1.x hive has them: `[form, prop, typedef, info]`, `[name, typedef, info]`. */
export interface ExtendedModel {
  readonly props: readonly Value[]
  readonly univs: readonly Value[]
  readonly tagProps: readonly Value[]
}

type Addition =
  | { readonly kind: 'file'; readonly file: ModelFile }
  | { readonly kind: 'prop'; readonly form: string; readonly name: string; readonly ref: TypeDefRef }
  | { readonly kind: 'univ' | 'tagProp'; readonly name: string; readonly ref: TypeDefRef }

/** A part of a model file that makes no sense. */
export interface ModelProblem {
  readonly kind: 'type' | 'form' | 'prop' | 'univ' | 'tagProp'
  readonly name: string
  readonly message: string
  /** True when the model already has this name. The existing one stays, whatever the file says. */
  readonly isKnown: boolean
}

type Refs = { readonly [name: string]: TypeDefRef }

/** src/model/data/core.json, made by test/oracle/make_model.py. */
interface CoreData {
  readonly types: { readonly [name: string]: readonly [string, string | null, Opts] }
  readonly univs: Refs
  readonly forms: { readonly [name: string]: Refs }
}

const load = createRequire(import.meta.url)

/**
 * The data model of Synapse 0.2.0rc18, plus what a Cortex adds to it. Builds types on first use, so a model costs a
 * worker thread only a few milliseconds.
 */
export class Model implements TypeModel {
  readonly forms = new Map<string, Form>()
  readonly univs = new Map<string, Prop>()
  readonly tagProps = new Map<string, TagProp>()
  /** Types that are custom Python code: we cannot check their values. */
  readonly opaqueTypes: string[] = []

  private readonly defs = new Map<string, TypeDef>()
  private readonly types = new Map<string, Type>()
  private readonly clones = new Map<string, Type>()
  private readonly additions: Addition[] = []
  private readonly building = new Set<string>()

  /** @param now the time that "now" in a text means, in ms since 1970; no stored value depends on it */
  private constructor(readonly now: number) {}

  static core(options: { readonly now?: number } = {}): Model {
    const model = new Model(options.now ?? 0)
    const { types, univs, forms } = load('./data/core.json') as CoreData
    for (const [name, [className, subof, opts]] of Object.entries(types)) {
      model.defs.set(name, { classes: [className], subof, opts, stortype: null })
    }
    for (const [name, ref] of Object.entries(univs)) model.univs.set(name, new TypedProp(model, name, name, ref))
    for (const [name, props] of Object.entries(forms)) model.addForm(name, props)
    return model
  }

  /** Rebuilds a model from its data. */
  static fromJSON(data: ModelData): Model {
    const model = Model.core({ now: data.now })
    for (const addition of data.additions) model.add(addition)
    return model
  }

  toJSON(): ModelData {
    return { now: this.now, additions: this.additions }
  }

  type(name: string): Type | undefined {
    const built = this.types.get(name)
    if (built !== undefined) return built
    const def = this.defs.get(name)
    return def === undefined ? undefined : this.build(name, def)
  }

  /** A type with options of its own. @throws {ModelError} when there is no such type or the options make no sense */
  typeOf([name, opts]: TypeDefRef): Type {
    const base = this.type(name)
    if (base === undefined) throw modelError('NoSuchType', { name })
    return this.clone(base, opts)
  }

  clone(base: Type, opts: Opts): Type {
    if (Object.keys(opts).length === 0) return base
    const key = JSON.stringify([base.name, base.opts, opts], (_, value) =>
      typeof value === 'bigint' ? `${value}n` : value,
    )
    let type = this.clones.get(key)
    if (type === undefined) {
      type = this.construct(base.name, this.defs.get(base.name) as TypeDef, { ...base.opts, ...opts })
      this.clones.set(key, type)
    }
    return type
  }

  form(name: Value): Form | undefined {
    return typeof name === 'string' ? this.forms.get(name) : undefined
  }

  /**
   * A form, a universal property, or a property of a form by its full name. Like the reference, also accepts
   * `[form, ".univ"]`.
   */
  prop(name: Value): { readonly full: string; readonly type: Type } | undefined {
    if (Array.isArray(name)) {
      const [form, univ] = name
      if (name.length !== 2 || typeof univ !== 'string' || !univ.startsWith('.')) return undefined
      return this.form(form)?.props.get(univ)
    }
    if (typeof name !== 'string') return undefined
    return this.forms.get(name) ?? this.univs.get(name) ?? this.formProp(name)
  }

  /** Names of the forms that model files added. */
  ownForms(): string[] {
    return this.additions.flatMap((addition) => (addition.kind === 'file' ? Object.keys(addition.file.forms) : []))
  }

  /** @throws {ModelError} when a type of the file makes no sense */
  addModelFile(file: ModelFile): void {
    const { types, forms, univs, tagProps } = file
    this.add({ kind: 'file', file: { types, forms, univs, tagProps } })
  }

  /** Adds the parts of a file that make sense. Returns those parts, and what is wrong with the rest. */
  addWhatFits(file: ModelFile): { fitting: ModelFile; problems: ModelProblem[] } {
    const problems: ModelProblem[] = []
    const filtered = <T>(
      kind: ModelProblem['kind'],
      items: { readonly [name: string]: T },
      isKnown: (name: string) => boolean,
      fits: (item: T, name: string) => void,
    ) => {
      const kept = Object.entries(items).filter(([name, item]) => {
        try {
          fits(item, name)
          return true
        } catch (error) {
          if (!(error instanceof ModelError)) throw error
          problems.push({ kind, name, message: error.message, isKnown: isKnown(name) })
          return false
        }
      })
      return Object.fromEntries(kept)
    }
    const never = () => false
    const added = Object.entries(file.types).filter(([name]) => !this.defs.has(name))
    for (const [name, def] of added) this.defs.set(name, def)
    const types = filtered('type', file.types, never, (_, name) => {
      try {
        this.type(name)
      } catch (error) {
        this.defs.delete(name)
        throw error
      }
    })
    const fitsRef = (ref: TypeDefRef) => void this.typeOf(ref)
    const forms = filtered('form', file.forms, never, (_, name) => {
      if (!this.defs.has(name)) throw modelError('NoSuchType', { name })
    })
    const fitting = {
      types,
      forms: Object.fromEntries(
        Object.entries(forms).map(([form, props]) => {
          const named = Object.fromEntries(Object.entries(props).map(([prop, ref]) => [`${form}:${prop}`, ref]))
          const known = this.forms.get(form)?.props
          const kept = filtered('prop', named, (full) => known?.has(full.slice(form.length + 1)) === true, fitsRef)
          return [form, Object.fromEntries(Object.entries(props).filter(([prop]) => `${form}:${prop}` in kept))]
        }),
      ),
      univs: filtered('univ', file.univs, (name) => this.univs.has(name), fitsRef),
      tagProps: filtered(
        'tagProp',
        file.tagProps,
        (name) => this.tagProps.has(name),
        (ref) => this.tagPropType(ref),
      ),
    }
    // The loop above already added the types.
    this.applyFile(fitting)
    this.additions.push({ kind: 'file', file: fitting })
    return { fitting, problems }
  }

  /** The whole model as a model file. */
  toFile(): ModelFile {
    // The core model has a list instead of a map for empty options.
    const refOfProp = ({ ref: [name, opts] }: TypedProp): TypeDefRef => [
      name,
      Array.isArray(opts) ? plainOpts(opts) : opts,
    ]
    const refs = (props: Iterable<Prop>) =>
      Object.fromEntries([...props].map((prop) => [prop.name, refOfProp(prop as TypedProp)]))
    const own = (form: Form) => [...form.props.values()].filter(({ name }) => !name.startsWith('.'))
    return {
      types: Object.fromEntries(this.defs),
      forms: Object.fromEntries([...this.forms.values()].map((form) => [form.name, refs(own(form))])),
      univs: refs(this.univs.values()),
      tagProps: refs(this.tagProps.values()),
    }
  }

  /** @throws {ModelError} when there is no such form or type */
  addFormProp(form: string, name: string, typedef: readonly [string, PackMap | Opts], _info?: unknown): void {
    this.add({ kind: 'prop', form, name, ref: refOf(typedef) })
  }

  /** @param name without the leading dot. @throws {ModelError} when there is no such type */
  addUnivProp(name: string, typedef: readonly [string, PackMap | Opts], _info?: unknown): void {
    this.add({ kind: 'univ', name, ref: refOf(typedef) })
  }

  /** @throws {ModelError} when there is no such type, it is an array, or the tag property exists */
  addTagProp(name: string, typedef: readonly [string, PackMap | Opts], _info?: unknown): void {
    this.add({ kind: 'tagProp', name, ref: refOf(typedef) })
  }

  /** Adds the extended model. Skips what it cannot add and returns the reference's warnings about it. */
  addExtendedModel(extended: ExtendedModel): string[] {
    const warnings: string[] = []
    const attempt = (what: string, row: Value, length: number, adding: (row: Value[]) => void) => {
      const items = Array.isArray(row) ? row : []
      const name = items.slice(0, length - 2).map((item) => (typeof item === 'string' ? item : pyRepr(item)))
      try {
        if (items.length !== length)
          throw new ModelError('ValueError', `a row of ${items.length} values, expected ${length}`)
        adding(items)
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
        warnings.push(`${what} (${name.join(':')}) error: ${error.message}`)
      }
    }
    for (const row of extended.props) {
      attempt('ext prop', row, 4, ([form, name, def]) => this.addFormProp(textOf(form), textOf(name), typedefOf(def)))
    }
    for (const row of extended.univs) {
      attempt('ext univ', row, 3, ([name, def]) => this.addUnivProp(textOf(name), typedefOf(def)))
    }
    for (const row of extended.tagProps) {
      attempt('ext tag prop', row, 3, ([name, def]) => this.addExtTagProp(textOf(name), typedefOf(def)))
    }
    return warnings
  }

  /** A model exported from a running Cortex already has the tag props of the hive. */
  private addExtTagProp(name: string, typedef: readonly [string, PackMap]): void {
    const isOfFile = this.additions.some((addition) => addition.kind === 'file' && name in addition.file.tagProps)
    if (isOfFile && this.tagProps.get(name)?.type === this.typeOf(refOf(typedef))) return
    this.addTagProp(name, typedef)
  }

  private add(addition: Addition): void {
    if (addition.kind === 'file') this.applyFile(addition.file)
    else if (addition.kind === 'prop') this.applyProp(addition.form, addition.name, addition.ref)
    else if (addition.kind === 'univ') this.applyUniv(`.${addition.name}`, addition.ref)
    else this.applyTagProp(addition.name, addition.ref)
    this.additions.push(addition)
  }

  private applyFile(file: ModelFile): void {
    const added = Object.entries(file.types).filter(([name]) => !this.defs.has(name))
    for (const [name, def] of added) this.defs.set(name, def)
    for (const [name] of added) this.type(name)
    for (const [name, ref] of Object.entries(file.univs)) if (!this.univs.has(name)) this.applyUniv(name, ref)
    for (const [name, ref] of Object.entries(file.tagProps)) if (!this.tagProps.has(name)) this.applyTagProp(name, ref)
    for (const [name, props] of Object.entries(file.forms)) {
      if (!this.forms.has(name)) this.addForm(name, {})
      for (const [prop, ref] of Object.entries(props)) {
        if (!(this.forms.get(name) as Form).props.has(prop)) this.applyProp(name, prop, ref)
      }
    }
  }

  private addForm(name: string, props: Refs): void {
    if (!this.defs.has(name)) throw modelError('NoSuchType', { name })
    const form = new TypedForm(this, name)
    for (const univ of this.univs.values()) form.addProp(univ.name, (univ as TypedProp).ref)
    for (const [prop, ref] of Object.entries(props)) form.addProp(prop, ref)
    this.forms.set(name, form)
  }

  private applyProp(form: string, name: string, ref: TypeDefRef): void {
    const found = this.forms.get(form)
    if (found === undefined) throw modelError('NoSuchForm', { name: form })
    this.typeOf(ref)
    ;(found as TypedForm).addProp(name, ref)
  }

  private applyUniv(name: string, ref: TypeDefRef): void {
    this.typeOf(ref)
    this.univs.set(name, new TypedProp(this, name, name, ref))
    for (const form of this.forms.values()) (form as TypedForm).addProp(name, ref)
  }

  private applyTagProp(name: string, ref: TypeDefRef): void {
    if (this.tagProps.has(name)) throw modelError('DupTagPropName', { mesg: name })
    this.tagPropType(ref)
    this.tagProps.set(name, new TypedTagProp(this, name, name, ref))
  }

  private tagPropType(ref: TypeDefRef): Type {
    const type = this.typeOf(ref)
    if (type instanceof ArrayType) {
      throw modelError('BadPropDef', { mesg: 'Tag props may not be array types (yet).' })
    }
    return type
  }

  private formProp(full: string): Prop | undefined {
    const dot = full.indexOf('.')
    if (dot > 0) {
      const univ = this.forms.get(full.slice(0, dot))?.props.get(full.slice(dot))
      if (univ !== undefined) return univ
    }
    for (let at = full.lastIndexOf(':'); at > 0; at = full.lastIndexOf(':', at - 1)) {
      const prop = this.forms.get(full.slice(0, at))?.props.get(full.slice(at + 1))
      if (prop !== undefined) return prop
    }
    return undefined
  }

  private build(name: string, def: TypeDef): Type {
    if (this.building.has(name)) throw new ModelError('RecursionError', `type "${name}" is made of itself`)
    this.building.add(name)
    try {
      const type = this.construct(name, def, { ...this.parentOpts(def), ...def.opts })
      this.types.set(name, type)
      return type
    } finally {
      this.building.delete(name)
    }
  }

  private construct(name: string, def: TypeDef, opts: Opts): Type {
    const classes = this.classesOf(def)
    const known = classes.find((className) => ctors.has(className))
    // A custom class may norm in any way, whatever it extends.
    if (known !== undefined && known === classes[0]) {
      return new (ctors.get(known) as NonNullable<ReturnType<typeof ctors.get>>)(this, name, opts, def.subof)
    }
    const stortype = def.stortype ?? this.inherited(def) ?? this.stortypeOf(known)
    if (stortype === null)
      throw modelError('BadTypeDef', { name, mesg: `unknown class ${classes[0]} without a stortype` })
    if (!this.opaqueTypes.includes(name)) this.opaqueTypes.push(name)
    return new Opaque(this, name, opts, def.subof, stortype)
  }

  private classesOf({ classes, subof }: TypeDef): readonly string[] {
    const parent = classes.length > 0 || subof === null ? undefined : this.defs.get(subof)
    return parent === undefined ? classes : this.classesOf(parent)
  }

  /** A type without a class of its own is stored like the type that it extends. */
  private inherited({ classes, subof }: TypeDef): number | null {
    return classes.length > 0 || subof === null ? null : (this.type(subof)?.stortype ?? null)
  }

  /** The stortype that belongs to a base type's class. */
  private stortypeOf(className: string | undefined): number | null {
    for (const [name, def] of this.defs) {
      if (className !== undefined && def.subof === null && def.classes[0] === className)
        return this.type(name)?.stortype ?? null
    }
    return null
  }

  private parentOpts({ classes, subof }: TypeDef): Opts {
    const parent = subof === null ? undefined : this.type(subof)
    // A type without a class of its own needs its parent.
    if (parent === undefined && classes.length === 0) throw modelError('NoSuchType', { name: subof })
    return parent?.opts ?? {}
  }
}

class TypedProp implements Prop {
  private cachedType: Type | undefined

  constructor(
    protected readonly model: Model,
    readonly name: string,
    readonly full: string,
    readonly ref: TypeDefRef,
  ) {}

  get type(): Type {
    this.cachedType ??= this.model.typeOf(this.ref)
    return this.cachedType
  }

  get stortype(): number {
    return this.type.stortype
  }
}

class TypedTagProp extends TypedProp implements TagProp {
  get baseStortype(): number {
    return (this.model.type(this.ref[0]) as Type).stortype
  }
}

class TypedForm implements Form {
  readonly props = new Map<string, Prop>()
  private readonly model: Model
  private cachedType: Type | undefined

  constructor(
    model: Model,
    readonly name: string,
  ) {
    this.model = model
  }

  get full(): string {
    return this.name
  }

  get type(): Type {
    this.cachedType ??= this.model.type(this.name) as Type
    return this.cachedType
  }

  get stortype(): number {
    return this.type.stortype
  }

  addProp(name: string, ref: TypeDefRef): void {
    const full = name.startsWith('.') ? this.name + name : `${this.name}:${name}`
    this.props.set(name, new TypedProp(this.model, name, full, ref))
  }
}

function refOf([name, opts]: readonly [string, PackMap | Opts]): TypeDefRef {
  return [name, opts instanceof PackMap ? plainOpts(opts) : opts]
}

function typedefOf(value: Value): [string, PackMap] {
  if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && value[1] instanceof PackMap) {
    return [value[0], value[1]]
  }
  throw new ModelError('TypeError', `${pyRepr(value)} is no type definition`)
}

function textOf(value: Value): string {
  if (typeof value === 'string') return value
  throw new ModelError('TypeError', `${pyRepr(value)} is no name`)
}
