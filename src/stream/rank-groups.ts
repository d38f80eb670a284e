import type { KernelIndexRows } from '../kernel/index-rows.js'
import { INDEX_DBS, type IndexDb } from '../layout/dest-dbs.js'
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
  const isSame = known?.plans === plans && known.sorts === plans.sorts
  if (known !== null && isSame && INDEX_DBS.every((db) => rows[db].areRanked())) return known.prop
  const { prop, of } = plans.order(rows)
  if (known?.plans !== plans || known.sorts !== plans.sorts) for (const db of INDEX_DBS) rows[db].forgetRanks()
  for (const db of INDEX_DBS) rows[db].rank(of(db))
  known = { plans, sorts: plans.sorts, prop }
  return prop
}
