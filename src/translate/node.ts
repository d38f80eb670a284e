import { MsgpackError } from '../bytes/msgpack.js'
import { SpanMap } from '../bytes/span-map.js'
import { NODE_INDEX_DBS, type NodeIndexDb } from '../layout/dest-dbs.js'
import type { Model } from '../model/model.js'
import { pyBytesRepr } from '../python/repr.js'
import { ARRAY, arraySpans, isKnownStorType, StorType, StorTypeError, writeIndex } from '../stortype/registry.js'
import { checkNdef } from './check-ndef.js'
import type { FormPlan, PropPlan, ValuePlan } from './form-plan.js'
import { IndexRows } from './index-rows.js'
import { buidRepr, type NodeFailure, Rejected, reject, rowRepr } from './node-failure.js'
import { BAD_VALSIZE, MAX_NAME_BYTES, NodePlans, unstorable } from './node-plans.js'
import { Flag, NodeRows } from './node-rows.js'
import { RowKind, type SourceNode, strictText } from './source-node.js'

/** `null` when the node is complete; `kept` when we translated it in spite of the failure. */
export type NodeOutcome = null | { readonly failure: NodeFailure; readonly kept: boolean }

export interface NodeTranslatorOptions {
  /** Whether form values must norm to themselves and hash to their buid; false with `--safety-off`. */
  readonly checks: boolean
  readonly layer: string
}

/**
 * Translates 0.1.x nodes to 0.2.x rows. Computes all rows of a node before it keeps any: `translate()` leaves either
 * all `bybuid` rows of the node in `rows` and all its index rows in the tables, or none.
 */
export class NodeTranslator {
  /** The names of its rows, and how values are translated by name. */
  readonly plans: NodePlans
  /** The index rows of the run. Their groups stand for names; see `groupNames()`. */
  readonly indexes: Readonly<Record<NodeIndexDb, IndexRows>> = {
    byprop: new IndexRows(),
    byarray: new IndexRows(),
    bytag: new IndexRows(),
    bytagprop: new IndexRows(),
  }
  /** Nodes with a form row, by form. */
  readonly formCounts = new Map<string, number>()

  /** Counts nodes whose value the reference refuses (D24), and tag props that it stores with another type (D12). */
  keptValues = 0
  typedTagProps = 0

  /** The `bybuid` rows of the last node. */
  readonly rows = new NodeRows<FormPlan>()

  /** Form plans by the bytes of the form's name. */
  private readonly formPlans = new SpanMap<FormPlan>()
  private readonly tables = NODE_INDEX_DBS.map((db) => this.indexes[db])
  private readonly marks: number[] = []
  private dropped: NodeFailure | null = null
  private readonly spans: number[] = []
  /** The same counts for the current node, which may still fail. */
  private isValueKept = false
  private typedHere = 0

  constructor(
    model: Model,
    private readonly options: NodeTranslatorOptions,
  ) {
    this.plans = new NodePlans(model, options.layer)
  }

  /** Starts another task. Keeps what it learned about forms, props and tags. */
  reset(): void {
    this.nextRun()
    this.formCounts.clear()
    this.keptValues = 0
    this.typedTagProps = 0
  }

  /** Forgets the rows so far: the next ones are another run. */
  nextRun(): void {
    for (const rows of this.tables) rows.reset(0, 0)
  }

  /**
   * @param owner the node's number within the partition
   * @param knownForm the form of a node without a form row, if we know it
   */
  translate(node: SourceNode, owner: number, knownForm: string | null): NodeOutcome {
    this.mark()
    this.dropped = null
    this.isValueKept = false
    this.typedHere = 0
    this.rows.begin()
    try {
      this.translateRows(node, owner, knownForm)
    } catch (err) {
      this.takeBack()
      if (err instanceof Rejected) return { failure: err.failure, kept: false }
      // A bug of ours must not cost other nodes. The record keeps this node whole, so it is not lost either.
      const mesg = err instanceof Error ? (err.stack ?? err.message) : String(err)
      return { failure: { code: 'INTERNAL', mesg: `Unable to translate ${buidRepr(node)}: ${mesg}` }, kept: false }
    }
    if (this.isValueKept) this.keptValues++
    if (this.typedHere > 0) this.typedTagProps += this.typedHere
    return this.dropped === null ? null : { failure: this.dropped, kept: true }
  }

  private translateRows(node: SourceNode, owner: number, knownForm: string | null): void {
    let formRow = -1
    for (let i = 0; i < node.count; i++) {
      if (node.nameStart[i] === node.nameEnd[i])
        reject('ROW', `Unable to parse a row without a name of ${buidRepr(node)}`)
      if (node.kinds[i] === RowKind.form && formRow < 0) formRow = i
    }
    const form = formRow >= 0 ? this.nodeAdd(node, formRow, owner) : this.partial(node, knownForm)
    this.rows.form = form
    let sorted = true
    for (const kind of [RowKind.form, RowKind.prop, RowKind.tag, RowKind.tagProp]) {
      const first = this.rows.count
      for (let i = 0; i < node.count; i++) {
        if (i === formRow || node.kinds[i] !== kind) continue
        if (kind === RowKind.tag) this.tag(node, i, form, owner)
        else if (kind === RowKind.tagProp) this.tagProp(node, i, form, owner)
        else this.prop(node, i, form, owner)
      }
      if (kind === RowKind.form && this.rows.count > first) sorted = false
    }
    // The rows can only be out of order when a second form row was treated as a property, as the reference does.
    if (!sorted) this.sortProps(node)
    if (formRow >= 0) this.formCounts.set(form.name, (this.formCounts.get(form.name) ?? 0) + 1)
  }

  private nodeAdd(node: SourceNode, i: number, owner: number): FormPlan {
    const nameBuf = node.nameBuf[i]
    let plan = this.formPlans.get(nameBuf, node.nameStart[i] + 1, node.nameEnd[i]) ?? null
    if (plan === null) {
      plan = this.plans.form(this.rowName(node, i, 1))
      if (plan !== null) this.formPlans.add(nameBuf, node.nameStart[i] + 1, node.nameEnd[i], plan)
    }
    if (plan === null) {
      const name = this.rowName(node, i, 1)
      const why = this.options.checks ? `: 'NoneType' object has no attribute 'type'` : ''
      throw new Rejected('FORM', `Unable to determine stortype for ${name}${why}`)
    }
    const valuEnd = this.valuEndOf(node, i)
    const buf = node.rowBuf[i]
    const start = node.valuStart(i)
    if (this.options.checks) this.isValueKept = checkNdef(node, plan, buf, start, valuEnd)
    this.index(plan, this.indexes.byprop, this.indexes.byarray, node, i, start, valuEnd, owner)
    this.rows.add(Flag.ndef, i, 1, valuEnd, plan.storBytes)
    return plan
  }

  private partial(node: SourceNode, knownForm: string | null): FormPlan {
    if (knownForm === null) throw new Rejected('PARTIAL', `No form name available for ${buidRepr(node)}`)
    const plan = this.plans.form(knownForm)
    if (plan === null) throw new Rejected('FORM', `Unable to determine stortype for ${knownForm}`)
    return plan
  }

  private prop(node: SourceNode, i: number, form: FormPlan, owner: number): void {
    let plan = form.props.get(node.nameBuf[i], node.nameStart[i], node.nameEnd[i])
    if (plan === undefined) {
      plan = this.plans.prop(form, this.rowName(node, i, 0))
      form.props.add(node.nameBuf[i], node.nameStart[i], node.nameEnd[i], plan)
    }
    this.value(Flag.prop, plan, this.indexes.byprop, this.indexes.byarray, node, i, owner)
  }

  /** Makes the index rows and the `bybuid` row of a property or tag property. */
  private value(
    flag: number,
    plan: PropPlan,
    rows: IndexRows,
    arrayRows: IndexRows,
    node: SourceNode,
    i: number,
    owner: number,
  ): void {
    const end = this.valuEndOf(node, i)
    const start = node.valuStart(i)
    if (node.rowBuf[i][start] === 0xc0) {
      this.dropNull(node, i)
      return
    }
    this.index(plan, rows, arrayRows, node, i, start, end, owner)
    this.rows.add(flag, i, plan.nameSkip, end, plan.storBytes)
    this.rows.hasForm = true
  }

  private tag(node: SourceNode, i: number, form: FormPlan, owner: number): void {
    const tag = this.tagId(node, node.nameBuf[i], node.nameStart[i] + 1, node.nameEnd[i])
    const valuEnd = this.valuEndOf(node, i)
    if (node.rowBuf[i][node.valuStart(i)] === 0xc0) {
      this.dropNull(node, i)
      return
    }
    const rows = this.indexes.bytag
    rows.add(this.plans.tagForm(tag, form), owner, rows.used)
    this.rows.add(Flag.tag, i, 1, valuEnd, null)
    this.rows.hasForm = true
  }

  private tagProp(node: SourceNode, i: number, form: FormPlan, owner: number): void {
    const colon = node.colons[i]
    const tag = this.tagId(node, node.nameBuf[i], node.nameStart[i] + 1, colon)
    const plans = this.plans.tagProps(tag, form)
    let plan = plans.get(node.nameBuf[i], colon + 1, node.nameEnd[i])
    if (plan === undefined) {
      const name = this.rowName(node, i, colon + 1 - node.nameStart[i])
      if (name.includes(':')) {
        this.drop('NAME', `No 2.x release can read a tag prop of the name ${name}`, node, i)
        return
      }
      plan = this.plans.tagProp(tag, form, name)
      plans.add(node.nameBuf[i], colon + 1, node.nameEnd[i], plan)
    }
    if (plan.isTyped) this.typedHere++
    this.value(Flag.tagProp, plan, this.indexes.bytagprop, this.indexes.bytagprop, node, i, owner)
  }

  private tagId(node: SourceNode, buf: Uint8Array, start: number, end: number): number {
    const known = this.plans.tagNames.find(buf, start, end)
    if (known >= 0) return known
    const bytes = Uint8Array.prototype.slice.call(buf, start, end)
    const name = strictText(bytes)
    if (name === null) throw new Rejected('ROW', `A row name is not UTF-8: ${pyBytesRepr(bytes)} of ${buidRepr(node)}`)
    return this.plans.tag(bytes)
  }

  /** Writes the index rows of a value. If the plan has two groups, both rows share the bytes. */
  private index(
    plan: ValuePlan,
    rows: IndexRows,
    arrayRows: IndexRows,
    node: SourceNode,
    i: number,
    start: number,
    end: number,
    owner: number,
  ): void {
    const { stortype } = plan
    const buf = node.rowBuf[i]
    try {
      if ((stortype & ARRAY) === 0) {
        this.indexOne(stortype, plan, rows, buf, start, end, owner)
        return
      }
      const { spans } = this
      spans.length = 0
      arraySpans(buf, start, end, spans)
      for (let s = 0; s < spans.length; s += 2) {
        this.indexOne(stortype & ~ARRAY, plan, arrayRows, buf, spans[s], spans[s + 1], owner)
      }
      if (rows !== arrayRows) this.indexOne(StorType.msgp, plan, rows, buf, start, end, owner)
    } catch (err) {
      if (!(err instanceof StorTypeError)) throw err
      reject('INDEX', `Unable to store nodeedits on ${this.options.layer}: ${err.message} (${rowRepr(node, i)})`)
    }
  }

  private indexOne(
    stortype: number,
    { group, univGroup }: ValuePlan,
    rows: IndexRows,
    buf: Uint8Array,
    start: number,
    end: number,
    owner: number,
  ): void {
    if (!isKnownStorType(stortype)) throw unstorable(this.options.layer, `stortype ${stortype} is unknown`)
    const out = rows.reserve()
    const from = rows.used
    const to = writeIndex(stortype, buf, start, end, out, from)
    rows.add(group, owner, to)
    if (univGroup >= 0) rows.addShared(univGroup, owner, from, to)
  }

  private sortProps(node: SourceNode): void {
    this.rows.sort(node, (i) => reject('ROW', `Two values of property ${rowRepr(node, i)} of ${buidRepr(node)}`))
  }

  /** 2.x cannot index or merge a null (D26). */
  private dropNull(node: SourceNode, i: number): void {
    this.drop('NULL', 'Null value not migrated', node, i)
  }

  /** Drops the value and keeps the node. */
  private drop(code: NodeFailure['code'], why: string, node: SourceNode, i: number): void {
    this.dropped = { code, mesg: `${why}: ${rowRepr(node, i)} of ${buidRepr(node)}` }
  }

  private rowName(node: SourceNode, i: number, from: number): string {
    const bytes = node.name(i).subarray(from)
    const name = strictText(bytes)
    if (name === null) throw new Rejected('ROW', `A row name is not UTF-8: ${pyBytesRepr(bytes)} of ${buidRepr(node)}`)
    if (bytes.length > MAX_NAME_BYTES) throw unstorable(this.options.layer, BAD_VALSIZE)
    return name
  }

  private valuEndOf(node: SourceNode, i: number): number {
    try {
      return node.valuEnd(i)
    } catch (err) {
      if (!(err instanceof MsgpackError)) throw err
      throw new Rejected('ROW', `Unable to decode row ${rowRepr(node, i)} of ${buidRepr(node)}: ${err.message}`)
    }
  }

  private mark(): void {
    const { marks } = this
    let at = 0
    for (const rows of this.tables) {
      marks[at++] = rows.count
      marks[at++] = rows.used
    }
  }

  private takeBack(): void {
    let at = 0
    for (const rows of this.tables) rows.reset(this.marks[at++], this.marks[at++])
    this.rows.begin()
  }
}
