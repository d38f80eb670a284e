import type { KernelIndexRows } from '../kernel/index-rows.js'
import { INDEX_DBS, type IndexDb, perDb } from '../layout/dest-dbs.js'
import type { NodePlans } from '../translate/node-plans.js'

type Rows = Readonly<Record<IndexDb, KernelIndexRows>>

/** Which order of names the kernel of this thread knows. */
let known: { readonly plans: NodePlans; readonly sorts: number } | null = null

/**
 * Has the kernel forget the order of groups of other plans.
 *
 * @param rows those of a run for all index databases, of which a thread has one set
 */
export function forgetOtherRanks(plans: NodePlans, rows: Rows): void {
  if (known?.plans === plans && known.sorts === plans.sorts) return
  for (const db of INDEX_DBS) rows[db].forgetRanks()
  known = { plans, sorts: plans.sorts }
}

/** Tells the kernel the order of the groups that rows have. Small runs use the same ones again: it keeps what it knows. */
export function rankGroups(plans: NodePlans, rows: Rows): void {
  let fresh = freshGroups(rows)
  let order = plans.order(fresh)
  if (known?.sorts !== plans.sorts) {
    forgetOtherRanks(plans, rows)
    fresh = freshGroups(rows)
    order = plans.order(fresh)
  }
  for (const db of INDEX_DBS) rows[db].rank(fresh[db], order(db))
}

function freshGroups(rows: Rows): Record<IndexDb, Int32Array> {
  return perDb(INDEX_DBS, (db) => rows[db].freshGroups())
}
