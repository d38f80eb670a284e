import { PackMap, type Value } from '../bytes/msgpack.js'
import type { RemoteCortex } from './api.js'
import { OddAnswer } from './remote-failure.js'

/** Layers of each view, by iden. */
export type CortexViews = ReadonlyMap<string, readonly string[]>

const VIEWS = ['cortex', 'views']

/** @throws {TelepathError} when the user may not read the hive */
export async function sourceViews(cortex: RemoteCortex): Promise<CortexViews> {
  const views = new Map<string, readonly string[]>()
  const list = async () => texts('listHiveKey', await cortex.call('listHiveKey', VIEWS))
  for (const iden of await list()) {
    const layers = await cortex.call('getHiveKey', [...VIEWS, iden, 'layers'])
    // It may have been deleted in the meantime.
    if (layers === null && !(await list()).includes(iden)) continue
    views.set(iden, texts('getHiveKey', layers))
  }
  return views
}

/** Idens of all layers of a 0.1.x Cortex. */
export async function sourceLayers(cortex: RemoteCortex): Promise<readonly string[]> {
  return texts('listHiveKey', await cortex.call('listHiveKey', ['cortex', 'layers']))
}

export async function destViews(cortex: RemoteCortex): Promise<CortexViews> {
  const storm = '$views = $lib.list() for $view in $lib.view.list() { $views.append($view.pack()) } return($views)'
  const packed = await cortex.call('callStorm', storm)
  const views = new Map<string, readonly string[]>()
  if (!Array.isArray(packed)) throw new OddAnswer('callStorm', 'a list of views')
  for (const view of packed) {
    const [iden, layers] = view instanceof PackMap ? [view.get('iden'), view.get('layers')] : []
    if (typeof iden !== 'string' || !Array.isArray(layers)) throw new OddAnswer('callStorm', 'a list of views')
    const idens = layers.map((layer) => (layer instanceof PackMap ? (layer.get('iden') ?? null) : layer))
    views.set(iden, texts('callStorm', idens))
  }
  return views
}

/** @throws {OddAnswer} when it is not a list of texts */
function texts(method: string, value: Value): string[] {
  const found = Array.isArray(value) ? value.filter((each) => typeof each === 'string') : null
  if (found === null || found.length !== (value as Value[]).length) throw new OddAnswer(method, 'a list of texts')
  return found
}
