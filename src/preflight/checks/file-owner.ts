import { type Check, warning } from '../check.js'

/** Synapse must be able to open the files that we make. */
export const fileOwner: Check = ({ source: { dir }, options: { destDir }, sys }) => {
  const [owner, uid] = [sys.ownerOf(dir), sys.uid()]
  if (uid !== 0 || owner === 0) return []
  return [
    warning(
      `The source belongs to user ${owner}, this runs as root: the destination will belong to root`,
      `Run it as user ${owner}, or give the destination to that user before Synapse starts: chown -R ${owner} ${destDir}`,
    ),
  ]
}
