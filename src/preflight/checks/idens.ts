import type { SourceCortex } from '../../source/cortex-dir.js'
import { type Check, problem } from '../check.js'

/**
 * 2.x sends each change to a Cortex, view or layer by its iden. If two share one, changes go to the wrong one, and the
 * Cortex cannot replay its own log.
 */
export const idens: Check = ({ source, options: { orphanLayers } }) => {
  const { cellGuid, hive, orphans, missing } = source
  const layers = new Set(hive.children(['cortex', 'layers']))
  for (const { iden } of [...missing, ...(orphanLayers ? orphans : [])]) layers.add(iden)
  const views = hive.children(['cortex', 'views'])
  const hint = hintOf(source)
  return [
    ...[...layers]
      .filter((iden) => iden === cellGuid)
      .map((iden) => problem(`Layer ${iden} has the iden of the Cortex, which does not work in 2.x`, hint)),
    ...views
      .filter((iden) => iden === cellGuid)
      .map((iden) => problem(`View ${iden} has the iden of the Cortex, which does not work in 2.x`, hint)),
    ...views
      .filter((iden) => iden !== cellGuid && layers.has(iden))
      .map((iden) =>
        problem(
          `View ${iden} has the iden of a layer, which does not work in 2.x`,
          'Make a new view of its layers in the 0.1.x Cortex, and delete this one',
        ),
      ),
  ]
}

/** 0.1.58 gives the view and the layer their own idens as long as no default view is set. */
function hintOf({ hive }: SourceCortex): string {
  return hive.has(['cellinfo', 'defaultview'])
    ? 'Give the Cortex another iden: write 32 other hex digits to cell.guid of a copy, and migrate that'
    : 'Start and stop the Cortex once with Synapse 0.1.58, which gives each an iden of its own'
}
