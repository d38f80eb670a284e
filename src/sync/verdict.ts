import { areCounted, counted } from '../text/table.js'
import type { Blocker, LayerState } from './api.js'
import { PULL_TEXTS } from './status.js'

export interface VerdictParts {
  readonly syncing: boolean
  readonly layers: readonly LayerState[]
  /** Layers whose source has not answered since the question. */
  readonly unanswered: ReadonlySet<string>
  /** Blockers that are not about a single layer. */
  readonly others: readonly Blocker[]
  /** Whether we have looked for layers, views and connections since the question. */
  readonly isLookedFor: boolean
  /** Whether a command holds migration mode on or off. */
  readonly override: boolean | null
}

/** The reasons not to cut over yet; none when it is safe. All interfaces of the service give this one answer. */
export function blockersOf({ syncing, layers, unanswered, others, isLookedFor, override }: VerdictParts): Blocker[] {
  if (layers.length === 0) return [lasting('No layer was ever started')]
  const blockers: Blocker[] = []
  if (!syncing) blockers.push(lasting('The sync is stopped'))
  if (override === true) {
    blockers.push(
      lasting(
        'A command holds migration mode on, so triggers and cron jobs of the destination would stay off: migrsync.migrationmode.auto switches them on with the end of the sync',
      ),
    )
  }
  blockers.push(...others)
  const notes = new Map<string, { readonly blocker: Blocker; readonly names: string[] }>()
  for (const layer of layers) {
    const name = `Layer ${layer.iden}`
    blockers.push(...layerBlockers(layer, name, unanswered.has(layer.iden)))
    for (const note of layer.notes) {
      const found = notes.get(note) ?? {
        blocker: { text: note, passes: !layer.lastingNotes.includes(note) },
        names: [],
      }
      found.names.push(name)
      notes.set(note, found)
    }
  }
  for (const { blocker, names } of notes.values()) {
    const who = names.length > 1 && names.length === layers.length ? `All ${names.length} layers` : names.join(', ')
    blockers.push({ ...blocker, text: `${who}: ${blocker.text}` })
  }
  if (blockers.length === 0 && !isLookedFor) {
    blockers.push(passing('Layers, views and other connections could not be looked for since you asked'))
  }
  return blockers
}

function layerBlockers(layer: LayerState, name: string, isUnanswered: boolean): Blocker[] {
  const { pullStatus, pullTask, pushTask, lagSplices, isSettled, errorCount, notes } = layer
  const blockers: Blocker[] = []
  const isCutOff = pullStatus === 'connect_err' || pullStatus === 'auth_err'
  const isRunning = pullTask.status === 'active' && pushTask.status === 'active'
  // Of a layer that does not run nothing passes.
  const open = isRunning ? passing : lasting
  if (!isRunning) {
    const failure = [pullTask, pushTask].find((task) => task.status === 'exception')
    blockers.push(lasting(`${name} does not run${failure?.status === 'exception' ? `: ${failure.message}` : ''}`))
  } else if (isCutOff && notes.length > 0) {
    // The note says it better.
  } else if (pullStatus !== 'up_to_date') {
    blockers.push(
      passing(`${name} is not read to the source's end: ${pullStatus === null ? 'starting' : PULL_TEXTS[pullStatus]}`),
    )
  } else if (isUnanswered) {
    blockers.push(passing(`${name}: not checked against the source since you asked`))
  }
  if (lagSplices === null || lagSplices > 0) {
    const lag = lagSplices === null ? 'an unknown number of splices are' : areCounted(lagSplices, 'splice')
    blockers.push(open(`${name}: ${lag} not acknowledged by the destination`))
  } else if (!isSettled) {
    blockers.push(
      open(
        `${name}: the destination may not have all changes on its disk yet; this takes up to ten seconds after the last one`,
      ),
    )
  }
  if (errorCount > 0) blockers.push(lasting(`${name} has ${counted(errorCount, 'open error')}`))
  return blockers
}

function passing(text: string): Blocker {
  return { text, passes: true }
}

function lasting(text: string): Blocker {
  return { text, passes: false }
}
