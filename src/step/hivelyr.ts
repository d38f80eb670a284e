import type { Value } from '../bytes/msgpack.js'
import type { Hive } from '../slab/hive.js'
import { DEST_VERSION, type StepContext } from './context.js'
import type { Step } from './step.js'

/** What 0.1.x shows for a layer without a name. */
const NO_NAME = '??'
/** 0.1.x layer options that 2.x has under another name. 2.x has no option for map sizes. */
const RENAMED_OPTIONS = { 'lmdb:growsize': 'growsize', 'lmdb:lockmemory': 'lockmemory' } as const

/**
 * Step `hivelyr`: the hive's data about each layer, in the layout of 0.2.x. A layer that has only a directory gets an
 * entry if we migrate it.
 */
export const hivelyr: Step = { name: 'hivelyr', run: migrateHiveLayers, progressKeys: layerIdens }

function migrateHiveLayers(context: StepContext): number {
  const { hive } = context.cell
  const idens = layerIdens(context)
  const dedicated = context.migrlog.get('cell', 'conf', 'dedicated') === true
  for (const iden of idens) {
    migrateLayer(context, iden, dedicated)
    addShadow(hive, iden, context.destDedicated)
  }
  context.cell.commit()
  // Recorded for a later comparison, which cannot find this option anywhere else.
  context.migrlog.put({ migrop: 'hivelyr', logtyp: 'conf', key: 'dedicated', val: context.destDedicated })
  for (const _ of idens) context.log('INFO', 'Completed Hive layer info migration')
  return 0
}

function layerIdens({ cell: { hive }, layers }: Pick<StepContext, 'cell' | 'layers'>): string[] {
  return [...new Set([...hive.children(['cortex', 'layers']), ...layers])].sort()
}

function migrateLayer({ cell: { hive }, log }: StepContext, iden: string, dedicated: boolean): void {
  const path = ['cortex', 'layers', iden]
  const creator = creatorOf(hive, iden, log)
  const config = optionsOf(hive, iden)
  for (const old of ['owner', 'config', 'type']) hive.remove([...path, old])
  if (nameOf(hive, iden) === null) hive.remove([...path, 'name'])
  hive.set([...path, 'iden'], iden)
  hive.set([...path, 'creator'], creator)
  hive.set([...path, 'readonly'], false)
  hive.set([...path, 'lockmemory'], config.get('lockmemory') ?? dedicated)
  hive.set([...path, 'logedits'], true)
  hive.set([...path, 'model:version'], [...DEST_VERSION])
  const growsize = config.get('growsize')
  if (growsize !== undefined) hive.set([...path, 'growsize'], growsize)
}

/** Whether a layer has a name in 0.1.x, or options that 2.x has too. */
export function hasOwnOptions(hive: Hive, iden: string): boolean {
  return nameOf(hive, iden) !== null || optionsOf(hive, iden).size > 0
}

/** True unless the layer's owner is not a user. */
export function isOwnerKnown(hive: Hive, iden: string): boolean {
  const owner = hive.get(['cortex', 'layers', iden, 'owner']) ?? null
  return owner === null || hive.children(['auth', 'users']).some((user) => hive.get(['auth', 'users', user]) === owner)
}

function nameOf(hive: Hive, iden: string): Value {
  const name = hive.get(['cortex', 'layers', iden, 'name']) ?? null
  return name === NO_NAME || name === '' ? null : name
}

function creatorOf(hive: Hive, iden: string, log: StepContext['log']): Value {
  const path = ['cortex', 'layers', iden]
  const users = hive.children(['auth', 'users'])
  const named = (name: string) => users.find((user) => hive.get(['auth', 'users', user]) === name)
  const owner = hive.get([...path, 'owner']) ?? null
  if (owner === null) {
    const creator = hive.getText([...path, 'creator'])
    if (creator !== undefined && users.includes(creator)) return creator
  }
  const found = owner === null ? named('root') : typeof owner === 'string' ? named(owner) : undefined
  if (found !== undefined) return found
  log('ERROR', `Unable to convert user name ${String(owner)} to iden, root becomes the creator of layer ${iden}`)
  return named('root') ?? null
}

function optionsOf(hive: Hive, iden: string): Map<string, Value> {
  const path = ['cortex', 'layers', iden]
  const options = new Map<string, Value>()
  for (const [old, name] of Object.entries(RENAMED_OPTIONS)) {
    const value = hive.get([...path, 'config', old]) ?? null
    if (value !== null) options.set(name, value)
    else if (name === 'growsize' && hive.has([...path, name])) options.set(name, hive.get([...path, name]) ?? null)
  }
  return options
}

/** The reference opens layers through a copy of their info and leaves that behind. Its `sync_020` looks for it. */
function addShadow(hive: Hive, iden: string, destDedicated: boolean): void {
  const path = ['migr', 'layers', iden]
  for (const name of ['iden', 'creator', 'model:version']) {
    hive.set([...path, name], hive.get(['cortex', 'layers', iden, name]) ?? null)
  }
  hive.set([...path, 'lockmemory'], destDedicated)
  hive.set([...path, 'logedits'], false)
  hive.set([...path, 'readonly'], false)
}
