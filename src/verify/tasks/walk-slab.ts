import { walkSlab } from '../../page/page-walker.js'

/** Complaints about the pages of a slab, and their number. */
export function walk({ path }: { path: string }): { complaints: readonly string[]; complaintCount: number } {
  const { complaints, complaintCount } = walkSlab(path)
  return { complaints, complaintCount }
}
