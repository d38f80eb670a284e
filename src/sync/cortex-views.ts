import { PackMap, type Value } from '../bytes/msgpack.js'
import type { RemoteCortex } from './api.js'

/** Layers of each view, by iden. */
export type CortexViews = ReadonlyMap<string, readonly string[]>

const VIEWS = ['cortex', 'views']

/** @throws {TelepathError} when the user may not read the hive */
export async function sourceViews(cortex: RemoteCortex): Promise<CortexViews> {
  const views = new Map<string, readonly string[]>()
  for (const iden of texts(await cortex.call('listHiveKey', VIEWS))) {
    views.set(iden, texts(await cortex.call('getHiveKey', [...VIEWS, iden, 'layers'])))
  }
  return views
}

/** Idens of all layers of a 0.1.x Cortex. */
export async function sourceLayers(cortex: RemoteCortex): Promise<readonly string[]> {
  return texts(await cortex.call('listHiveKey', ['cortex', 'layers']))
}

export async function destViews(cortex: RemoteCortex): Promise<CortexViews> {
  const storm = '$views = $lib.list() for $view in $lib.view.list() { $views.append($view.pack()) } return($views)'
  const packed = await cortex.call('callStorm', storm)
  const views = new Map<string, readonly string[]>()
  for (const view of Array.isArray(packed) ? packed : []) {
    if (!(view instanceof PackMap)) continue
    const layers = view.get('layers')
    const idens = (Array.isArray(layers) ? layers : []).map((layer) =>
      layer instanceof PackMap ? layer.get('iden') : layer,
    )
    views.set(String(view.get('iden')), texts(idens as Value))
  }
  return views
}

function texts(value: Value): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
}
