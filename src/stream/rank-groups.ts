import type { KernelIndexRows } from '../kernel/index-rows.js'
import { INDEX_DBS, type IndexDb, perDb } from '../layout/dest-dbs.js'
import type { NodePlans } from '../translate/node-plans.js'

/** Which order of names the kernel of this thread knows. */
let known: { readonly plans: NodePlans; readonly sorts: number; readonly prop: Int32Array } | null = null

/**
 * Tells the kernel the order of the groups that rows have. Small runs use the same groups again and again, so most times
 * it knows.
 *
 * @param rows those of a run for all index databases, of which a thread has one set
 * @returns the places of names of properties
 */
export function rankGroups(plans: NodePlans, rows: Readonly<Record<IndexDb, KernelIndexRows>>): Int32Array {
  let fresh = freshGroups(rows)
  if (known !== null && isKnown(plans) && INDEX_DBS.every((db) => fresh[db].length === 0)) return known.prop
  let order = plans.order(fresh)
  if (!isKnown(plans)) {
    for (const db of INDEX_DBS) rows[db].forgetRanks()
    fresh = freshGroups(rows)
    order = plans.order(fresh)
  }
  for (const db of INDEX_DBS) rows[db].rank(fresh[db], order.of(db))
  known = { plans, sorts: plans.sorts, prop: order.prop }
  return order.prop
}

/** Whether what the kernel knows are ranks of these names, which have not changed since. */
function isKnown(plans: NodePlans): boolean {
  return known?.plans === plans && known.sorts === plans.sorts
}

function freshGroups(rows: Readonly<Record<IndexDb, KernelIndexRows>>): Record<IndexDb, Int32Array> {
  return perDb(INDEX_DBS, (db) => rows[db].freshGroups())
}
