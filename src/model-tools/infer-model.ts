import { buid } from '../bytes/hash.js'
import { pyEquals, type Value } from '../bytes/msgpack.js'
import { Model } from '../model/model.js'
import type { ModelFile, TypeDefRef } from '../model/model-file.js'
import { NormError } from '../norm-error.js'
import type { SlabReader } from '../page/page-reader.js'
import { readExtModel } from '../source/cortex-dir.js'
import { FormFinder } from '../source/form-finder.js'
import { findNodeRows } from '../source/source-dbs.js'
import { type CheckOptions, withRead, withSlabs } from './check-model.js'
import { findUncovered, typedefsOf } from './coverage.js'
import { type Guess, guessType, itemsOf } from './guess-type.js'
import { type NodeSample, type RowSamples, type Sample, takeSamples } from './row-samples.js'

/** The rows behind a guess. */
export interface Evidence {
  readonly rows: number
  readonly lookedAt: number
  /** How many of them fit the type. */
  readonly fit: number
  readonly why: string
  /** Other types that would fit the same rows. */
  readonly others: readonly string[]
}

/**
 * A proposed model, with the evidence for each part, by names of types, forms, full names of properties, and names of
 * universal and tag properties.
 */
export interface Inferred {
  readonly file: ModelFile
  readonly types: ReadonlyMap<string, Evidence>
  readonly props: ReadonlyMap<string, Evidence>
  readonly univs: ReadonlyMap<string, Evidence>
  readonly tagProps: ReadonlyMap<string, Evidence>
  /** For each form: how many of the nodes looked at have a value that the proposed model would keep unchanged. */
  readonly kept: ReadonlyMap<string, readonly [kept: number, lookedAt: number]>
}

export interface InferOptions extends CheckOptions {
  /** How many rows of each name to look at. */
  readonly most: number
}

/** A form is tried on all values only if there are nodes for this many of them. */
const FIRST_TRIES = 3

/**
 * Proposes a model for what the rows of a 0.1.x Cortex use and no model has, from these rows alone.
 *
 * @throws {MigrationError} ERR_SOURCE when it is not a 0.1.x Cortex
 */
export async function inferModel(options: InferOptions): Promise<Inferred> {
  return await withRead(options, (source, names) => {
    const extended = readExtModel(source.hive)
    const { uncovered, model } = findUncovered(names, options.files, extended)
    const declared = typedefsOf(extended)
    const setOf = (uses: readonly { name: string }[]) => new Set(uses.map(({ name }) => name))
    const [forms, univs, tagProps] = [uncovered.forms, uncovered.univs, uncovered.tagProps].map(setOf)
    const props = setOf(uncovered.props)
    const samples: RowSamples = { nodes: new Map(), props: new Map(), univs: new Map(), tagProps: new Map() }
    return withSlabs(source, (slabs) => {
      for (const slab of slabs.values()) {
        const others = [...slabs.values()].filter((other) => other !== slab)
        takeSamples(
          slab,
          new FormFinder(others, new Map()),
          { forms, props, univs, tagProps, most: options.most },
          samples,
        )
        slab.assertUnchanged()
      }
      const counts = new Map(
        [...names.props].flatMap(([form, of]) => [...of].map(([prop, rows]) => [`${form}:${prop}`, rows])),
      )
      for (const { name, count } of [...uncovered.forms, ...uncovered.univs, ...uncovered.tagProps])
        counts.set(name, count)
      return new Inference(model, samples, counts, names.forms, declared, new NodeFinder([...slabs.values()])).run()
    })
  })
}

/**
 * Looks up in all layers whether there is a node of a form and value: 0.1.x makes one for each value whose type is a
 * form.
 */
class NodeFinder {
  private readonly cursors

  constructor(slabs: readonly SlabReader[]) {
    this.cursors = slabs.flatMap((slab) => findNodeRows(slab)?.cursor() ?? [])
  }

  has(form: string, valu: Value): boolean {
    const key = Buffer.concat([buid([form, valu]), Buffer.from(`*${form}`)])
    return this.cursors.some((cursor) => cursor.seek(key, key) && Buffer.compare(cursor.key(), key) === 0)
  }
}

class Inference {
  private readonly types = new Map<string, Evidence>()
  private readonly props = new Map<string, Evidence>()
  private readonly univs = new Map<string, Evidence>()
  private readonly tagProps = new Map<string, Evidence>()
  private readonly isForm = (name: string) => this.samples.nodes.has(name) || this.model.forms.has(name)
  private readonly file: {
    types: Record<string, ModelFile['types'][string]>
    forms: Record<string, Record<string, TypeDefRef>>
    univs: Record<string, TypeDefRef>
    tagProps: Record<string, TypeDefRef>
  } = { types: {}, forms: {}, univs: {}, tagProps: {} }
  /** Stortypes of forms that a value may belong to. */
  private readonly stortypes = new Map<string, number>()

  constructor(
    private readonly model: Model,
    private readonly samples: RowSamples,
    /** Row counts of what no model has, and of the nodes of all forms. */
    private readonly counts: ReadonlyMap<string, number>,
    private readonly formCounts: ReadonlyMap<string, number>,
    /** Types according to the hive, by full names of properties. */
    private readonly declared: ReadonlyMap<string, TypeDefRef>,
    private readonly nodes: NodeFinder,
  ) {}

  run(): Inferred {
    for (const form of this.model.forms.values()) this.stortypes.set(form.name, form.stortype)
    for (const [form, nodes] of this.samples.nodes)
      this.addType(form, guessType(nodes, this.model, this.isForm), this.counts.get(form) ?? 0)
    this.addDeclaredTypes()
    for (const form of this.samples.nodes.keys()) this.file.forms[form] = {}
    for (const [full, samples] of this.samples.props) this.addProp(full, samples)
    for (const [form, nodes] of this.samples.nodes) this.addComp(form, nodes)
    for (const [univ, samples] of this.samples.univs) {
      if (!this.declared.has(univ)) this.file.univs[univ] = this.noted(this.univs, univ, this.guess(samples))
    }
    for (const [prop, samples] of this.samples.tagProps) {
      if (!this.declared.has(`#${prop}`))
        this.file.tagProps[prop] = this.noted(this.tagProps, prop, this.guess(samples))
    }
    const { types, props, univs, tagProps } = this
    return { file: { proposed: true, ...this.file }, types, props, univs, tagProps, kept: this.kept() }
  }

  private addType(name: string, { ref: [base, opts], ...found }: Guess, rows: number): void {
    this.file.types[name] = { classes: [], subof: base, opts, stortype: null }
    this.types.set(name, { rows, ...found })
    this.stortypes.set(name, this.model.typeOf([base, opts]).stortype)
  }

  /** Adds types that the hive refers to and that are not forms. */
  private addDeclaredTypes(): void {
    for (const [full, [type]] of this.declared) {
      if (this.model.type(type) !== undefined || this.file.types[type] !== undefined) continue
      const samples = full.startsWith('#')
        ? this.samples.tagProps.get(full.slice(1))
        : (this.samples.univs.get(full) ?? this.samples.props.get(full))
      const rows = this.counts.get(full.replace(/^#/, '')) ?? 0
      if (samples !== undefined) this.addType(type, guessType(samples, this.model, this.isForm), rows)
    }
  }

  private addProp(full: string, samples: readonly Sample[]): void {
    if (this.declared.has(full)) return
    const form = this.formOf(full)
    this.file.forms[form] ??= {}
    this.file.forms[form][full.slice(form.length + 1)] = this.noted(this.props, full, this.guess(samples))
  }

  /** The form in a full name: both parts may contain colons. */
  private formOf(full: string): string {
    for (let at = full.lastIndexOf(':'); at > 0; at = full.lastIndexOf(':', at - 1)) {
      const form = full.slice(0, at)
      if (this.samples.nodes.has(form) || this.model.forms.has(form)) return form
    }
    return full.slice(0, full.lastIndexOf(':'))
  }

  private noted(to: Map<string, Evidence>, name: string, { ref, ...found }: Guess): TypeDefRef {
    to.set(name, { rows: this.counts.get(name) ?? found.lookedAt, ...found })
    return ref
  }

  /** Guesses by index bytes, then by existing nodes for these values. */
  private guess(samples: readonly Sample[]): Guess {
    const guess = guessType(samples, this.model, this.isForm)
    const [name, opts] = guess.ref
    if (guess.fit < guess.lookedAt || name === 'data' || name === 'time') return guess
    if (name === 'array') return this.guessOfArray(guess, samples)
    const forms = this.formsOf(
      samples.map(({ valu }) => valu),
      this.stortypesOf([name, opts]),
    )
    if (forms.length === 0) return guess
    const why = `${guess.why}; each value is a node of this form`
    return { ...guess, ref: [forms[0], {}], why, others: [...forms.slice(1), shown(guess.ref)] }
  }

  private guessOfArray(guess: Guess, samples: readonly Sample[]): Guess {
    const items = samples.flatMap(itemsOf)
    const [, { type, typeopts, ...opts }] = guess.ref
    const stortypes = this.stortypesOf([String(type), (typeopts ?? {}) as TypeDefRef[1]])
    const forms = this.formsOf(
      items.map(({ valu }) => valu),
      stortypes,
    )
    if (forms.length === 0) return guess
    const why = `${guess.why}; each element is a node of this form`
    return { ...guess, ref: ['array', { type: forms[0], ...opts }], why, others: [...forms.slice(1), String(type)] }
  }

  /** How a form with values like these may be stored: an MD5 is 32 hex digits, too. */
  private stortypesOf(ref: TypeDefRef): number[] {
    const refs: TypeDefRef[] = ref[0] === 'guid' ? [ref, ['hex', {}]] : [ref]
    return refs.map((each) => this.model.typeOf(each).stortype)
  }

  /**
   * Forms that have a node for each value, starting with those that have the fewest nodes, where a chance hit is least
   * likely.
   */
  private formsOf(values: readonly Value[], stortypes: readonly number[]): string[] {
    const found = [...this.stortypes]
      .filter(([, of]) => stortypes.includes(of))
      .map(([form]) => form)
      .filter(this.isForm)
      .filter((form) => values.slice(0, FIRST_TRIES).every((valu) => this.nodes.has(form, valu)))
    const nodesOf = (form: string) => this.formCounts.get(form) ?? 0
    return found
      .filter((form) => values.every((valu) => this.nodes.has(form, valu)))
      .sort((a, b) => nodesOf(a) - nodesOf(b))
  }

  /** A comp value is an array of values of its properties. */
  private addComp(form: string, nodes: readonly NodeSample[]): void {
    const length = Array.isArray(nodes[0]?.valu) ? nodes[0].valu.length : 0
    const found = this.types.get(form) as Evidence
    const isWhole = ({ valu, indx }: Sample) =>
      Array.isArray(valu) &&
      valu.length === length &&
      indx instanceof Uint8Array &&
      Buffer.compare(indx, buid(valu)) === 0
    const base = this.file.types[form].subof
    if (base === 'edge' || base === 'timeedge' || base === 'ndef' || length === 0 || !nodes.every(isWhole)) return
    // Universal properties exist on all forms, so they say nothing about a type.
    const names = [...(nodes[0]?.props.keys() ?? [])].filter((name) => !name.startsWith('.'))
    const taken = new Set<string>()
    const fields = Array.from({ length }, (_, i) => {
      const name = names.find(
        (prop) =>
          !taken.has(prop) &&
          nodes.every(({ valu, props }) => pyEquals(props.get(prop)?.valu ?? null, (valu as Value[])[i])),
      )
      if (name === undefined) return [`field${i + 1}`, bare(nodes.map(({ valu }) => (valu as Value[])[i]))] as const
      taken.add(name)
      const ref = this.file.forms[form][name] ?? this.declared.get(`${form}:${name}`)
      return [name, ref] as const
    })
    const opts = { fields: fields.map(([name, ref]) => [name, Object.keys(ref[1]).length === 0 ? ref[0] : ref]) }
    this.file.types[form] = { classes: [], subof: 'comp', opts, stortype: null }
    const unnamed = length - taken.size
    this.types.set(form, {
      ...found,
      lookedAt: nodes.length,
      fit: nodes.length,
      why: `an array of ${length}, and a digest as index; ${taken.size} of its values are properties${unnamed > 0 ? ', names and types of the others are made up' : ''}`,
      others: [],
    })
  }

  private kept(): Map<string, readonly [number, number]> {
    const model = Model.fromJSON(this.model.toJSON())
    model.addWhatFits(this.file)
    return new Map(
      [...this.samples.nodes].map(([form, nodes]) => {
        const type = model.form(form)?.type
        return [form, [nodes.filter(({ valu }) => type !== undefined && isKept(type, valu)).length, nodes.length]]
      }),
    )
  }
}

function isKept(type: { keeps(valu: Value): boolean }, valu: Value): boolean {
  try {
    return type.keeps(valu)
  } catch (error) {
    if (error instanceof NormError) return false
    throw error
  }
}

/** Guesses the type of values without an index. */
function bare(values: readonly Value[]): TypeDefRef {
  if (values.every((valu) => typeof valu === 'string')) return ['str', {}]
  return values.every((valu) => typeof valu === 'number' || typeof valu === 'bigint') ? ['int', {}] : ['data', {}]
}

function shown([name, opts]: TypeDefRef): string {
  return Object.keys(opts).length === 0 ? name : `${name} ${JSON.stringify(opts)}`
}
