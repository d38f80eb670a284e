import { type DestBegun, destBegun } from '../../inspect/dest-begun.js'
import { type Check, type Finding, isAsked, problem, warning } from '../check.js'
import { destCortex } from './dest-cortex.js'
import { paths } from './paths.js'

/** How many names a finding lists. */
const MOST_LISTED = 4

/** Never replace anything unless asked: --from-last continues, --restart starts over. */
export const destReplaced: Check = async (facts) => {
  // If no run may touch this destination at all, it does not matter what this run would replace.
  for (const check of [paths, destCortex]) if ((await check(facts)).length > 0) return []
  const { source, layers, options } = facts
  const { destDir, ops, fromLast, restart, dryRun, skipLayers } = options
  const begun = destBegun(
    source.dir,
    destDir,
    layers.map(({ iden }) => iden),
    ops,
    // A resumed run keeps or drops its own unfinished work.
    fromLast ? [] : skipLayers,
  )
  const found =
    refusal(destDir, begun, { fromLast, restart }) ??
    (restart ? lostLayers(destDir, begun, (iden) => !isAsked(options, iden)) : null)
  if (found === null) return []
  return [dryRun ? warning(`Only a dry run is possible this way. ${found.text}`, found.hint) : found]
}

function refusal(
  destDir: string,
  begun: DestBegun,
  { fromLast, restart }: { readonly fromLast: boolean; readonly restart: boolean },
): Finding | null {
  const { maker, isFinished, files, layers } = begun
  if (files.length === 0 && layers.size === 0) return null
  const refused = (found: string, hint: string) => problem(`Cannot migrate into "${destDir}": ${found}`, hint)
  if (layers.size > 0 && maker !== 'this program') {
    const list = [...new Set([...layers.values()].flat())].sort().join(', ')
    // We cannot tell what it holds.
    if (maker === 'unknown')
      return refused(`there is no record of who made layer ${list}`, 'Give --dest a new directory')
    if (restart) return null
    const hint = 'Add --restart to replace what it has made, or give --dest a new directory'
    return refused(`another tool has migrated layer ${list}`, hint)
  }
  if (fromLast || restart) return null
  const replaced = whatIs(begun)
  if (maker === 'unknown') {
    const hint = 'Give --dest a new directory; to replace what is there, add --restart'
    return refused(`it is in use for something else, this run would replace ${replaced}`, hint)
  }
  return isFinished
    ? refused(
        `it holds a finished migration, this run would replace ${replaced}`,
        'To keep it and do what is still missing, add --from-last; to replace it, add --restart',
      )
    : refused(
        `it holds an unfinished migration, this run would replace ${replaced}`,
        'To continue where it stopped, add --from-last; to start over, add --restart',
      )
}

/** A run that starts over forgets all layers, and would leave the rows of those that it does not look at. */
function lostLayers(destDir: string, { layers }: DestBegun, isLeft: (iden: string) => boolean): Finding | null {
  const lost = [...new Set([...layers.values()].flat())].filter(isLeft).sort()
  if (lost.length === 0) return null
  return problem(
    `Cannot start over in "${destDir}" with --layer: it has layer ${lost.join(', ')} already, which --layer does not name`,
    'To migrate one more layer, give --from-last in place of --restart; to start over, leave out --layer',
  )
}

/** For example `slabs, cell.guid and 3 more; nodes and splices of 4 layers`. */
function whatIs({ files, layers }: DestBegun): string {
  const parts: string[] = []
  if (files.length > 0) {
    const more = files.length > MOST_LISTED ? ` and ${files.length - MOST_LISTED} more` : ''
    parts.push(files.slice(0, MOST_LISTED).join(', ') + more)
  }
  for (const [step, idens] of layers) {
    parts.push(`${step} of ${idens.length === 1 ? `layer ${idens[0]}` : `${idens.length} layers`}`)
  }
  return parts.join('; ')
}
