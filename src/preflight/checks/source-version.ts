import { cortexPaths } from '../../layout/paths.js'
import { compareVersions, showVersion, type Version, versionOf } from '../../slab/version.js'
import { type Check, type Finding, problem, warning } from '../check.js'

/** The oldest version that Synapse 2.8's migration accepts. */
const MIN_CORTEX: Version = [0, 1, 56]
const UPGRADE =
  'Nothing has to be done: all that 0.1.58 changes when it starts is there, or is made while the source is read'

/** The Cortex must have an iden, and should be of a late 0.1.x release. */
export const sourceVersion: Check = ({ source: { dir, hive, cellGuid } }) => {
  const found: Finding[] = []
  const version = versionOf(hive.get(['cellinfo', 'cortex:version']))
  if (version === null) {
    found.push(warning('Unable to read src cortex version; consider upgrading before proceeding', UPGRADE))
  } else if (compareVersions(version, MIN_CORTEX) < 0) {
    const text = `Source Cortex does not meet minimum version: req=>=0.1.56,<0.2.0 actual=${showVersion(version)}`
    found.push(warning(text, UPGRADE))
  }
  if (cellGuid === null || cellGuid === '') {
    const why = cellGuid === '' ? ': the file is empty' : ''
    found.push(problem(`Unable to read cell guid at ${cortexPaths(dir).guid}${why}`, 'Restore the file from a backup'))
  }
  return found
}
