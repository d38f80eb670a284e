import { timeText } from './status.js'

/** What the parts of the service know about what they cannot see. */
export interface Unseen {
  /** Of each layer: since when its connection to the source is there, and whether a splice was written since. */
  readonly links: readonly { readonly connectedAt: number | null; readonly isChanged: boolean }[]
  /** Layers whose destination does not tell how long its log of node edits is. */
  readonly blindLayers: readonly string[]
  /** Why something could not be looked for, a sentence each. */
  readonly troubles: readonly string[]
}

/**
 * What the answer to "is it safe to cut over" says nothing about, a sentence each: the one text of every interface of the
 * service.
 */
export function notLookedAt({ links, blindLayers, troubles }: Unseen): string[] {
  return [
    splicesText(links),
    'Node data is not looked at: no release of 0.1.x logs its changes',
    'Nodes are not compared with each other: what others have changed at the destination is not seen, nor that a destination that is newer than 2.8, or was upgraded meanwhile, was put back to a backup and then changed',
    ...blindText(blindLayers),
    ...new Set(troubles),
  ]
}

/** Splices can be switched on or off by a restart only: one that is seen says it for as long as the connection is there. */
function splicesText(links: Unseen['links']): string {
  const what =
    'props and tags that were set or removed, and nodes that were deleted, while splices were off are not seen'
  const times = (some: Unseen['links']) =>
    some.flatMap(({ connectedAt }) => (connectedAt === null ? [] : [connectedAt]))
  const changed = times(links.filter(({ isChanged }) => isChanged))
  if (changed.length > 0) {
    return `Splices are on at the source (splice:en) since ${timeText(Math.min(...changed))} at the latest. Before, ${what}`
  }
  const since = times(links)
  const when = since.length === 0 ? 'none has come' : `none has come since ${timeText(Math.max(...since))}`
  return `Whether splices are on at the source (splice:en) cannot be asked for, and ${when}: ${what}. Change something at the source, as a tag of one node, and ask again`
}

function blindText(layers: readonly string[]): string[] {
  if (layers.length === 0) return []
  const names = layers.length === 1 ? `layer ${layers[0]}` : `${layers.length} layers (${layers[0]} and others)`
  return [
    `The destination's log of edits of ${names} is off or empty (logedits): that it was put back to a backup would not be noticed`,
  ]
}
