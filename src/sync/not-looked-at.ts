import type { NotLookedAt } from './api.js'
import { timeText } from './status.js'

/** What each part of the service knows that it cannot see. */
export interface Unseen {
  /** For each layer: when its connection to the source was made, and whether a splice was written since. */
  readonly links: readonly { readonly connectedAt: number | null; readonly isChanged: boolean }[]
  /** Layers whose destination does not say how long its log of node edits is. */
  readonly blindLayers: readonly string[]
  /** Whether a command holds migration mode off. */
  readonly isModeOff: boolean
  /** Why we could not look for something; null when we could. */
  readonly troubles: readonly (readonly [key: NotLookedAt['key'], text: string | null])[]
}

const TRIGGERS_ON =
  'A command holds migration mode off: what triggers and cron jobs of the destination have made of synced changes is not seen'

/**
 * What the verdict "safe to cut over" does not cover, one sentence each. All interfaces of the service use these texts.
 */
export function notLookedAt({ links, blindLayers, isModeOff, troubles }: Unseen): NotLookedAt[] {
  const found: [NotLookedAt['key'], string | null][] = [
    splicesSeen(links),
    ['node_data', 'Node data is not looked at: no release of 0.1.x logs its changes'],
    [
      'equality',
      'Nodes are not compared with each other: what others have changed at the destination is not seen, nor that a destination that is newer than 2.8, or was upgraded meanwhile, was put back to a backup and then changed, nor that an offsets file of another migration skips props and tags that the destination lacks',
    ],
    ['edit_log', blindText(blindLayers)],
    ['triggers', isModeOff ? TRIGGERS_ON : null],
    ...troubles.map(([key, text]): [NotLookedAt['key'], string | null] => [key, text]),
  ]
  // Several layers may have the same trouble.
  const keys = new Map(found.flatMap(([key, text]) => (text === null ? [] : [[text, key] as const])))
  return [...keys].map(([text, key]) => ({ key, text }))
}

/**
 * Only a restart can switch splices on or off. So one new splice proves that they are on, as long as the connection
 * lasts.
 */
function splicesSeen(links: Unseen['links']): [NotLookedAt['key'], string] {
  const what =
    'props and tags that were set or removed, and nodes that were deleted, while splices were off are not seen'
  const times = (some: Unseen['links']) =>
    some.flatMap(({ connectedAt }) => (connectedAt === null ? [] : [connectedAt]))
  const changed = times(links.filter(({ isChanged }) => isChanged))
  if (changed.length > 0) {
    const since = timeText(Math.min(...changed))
    return ['splices_before', `Splices are on at the source (splice:en) since ${since} at the latest. Before, ${what}`]
  }
  const since = times(links)
  const when = since.length === 0 ? 'none has come' : `none has come since ${timeText(Math.max(...since))}`
  const text = `Whether splices are on at the source (splice:en) cannot be asked for, and ${when}: ${what}. Change something at the source, as a tag of one node, and ask again`
  return ['splices', text]
}

function blindText(layers: readonly string[]): string | null {
  if (layers.length === 0) return null
  const names = layers.length === 1 ? `layer ${layers[0]}` : `${layers.length} layers (${layers[0]} and others)`
  return `The destination's log of edits of ${names} is off or empty (logedits): that it was put back to a backup would not be noticed`
}
