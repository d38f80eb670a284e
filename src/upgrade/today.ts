import { decode, encode } from '../bytes/msgpack.js'
import type { Model } from '../model/model.js'
import type { OldNames } from '../translate/stortypes.js'
import { upgradedNdef } from './old-node.js'
import type { Ndef } from './revision.js'
import { holdsNdefs, RENAMED, v0_1_0 } from './revisions/v0_1_0.js'
import { v0_1_3 } from './revisions/v0_1_3.js'

/** The revisions that rename things. The third one norms a value, and history keeps its values. */
const RENAMING = [v0_1_0, v0_1_3]

/**
 * Forms of the core model that kept their name and hold ndefs, in their own value or a prop. A fixed list, because
 * asking the model would build all of its types in every thread.
 */
export const HOLD_NDEFS: ReadonlySet<string> = new Set([
  'ou:org:has',
  'ps:person:has',
  'ps:persona:has',
  'geo:nloc',
  'econ:acquired',
])

/** Maps names in splices of any 0.1.x release to today's names, which nodes have after `upgradedRows()`. */
export function namesOfToday(model: Model): OldNames {
  const own = new Set(model.ownForms())
  const isOwnWithNdefs = (name: string) => {
    const form = own.has(name) ? model.forms.get(name) : undefined
    return form !== undefined && holdsNdefs(form)
  }
  // If the splice has today's name for the form, then the ends of its edges have today's names too.
  const isRenamed = (form: string) => v0_1_0.ndef(model, [form, null])[0] !== form
  return {
    isOld: (form) => RENAMED.has(form) || HOLD_NDEFS.has(form) || isOwnWithNdefs(form),
    ndef(packed) {
      const ndef = decode(packed)
      if (!Array.isArray(ndef) || ndef.length !== 2 || typeof ndef[0] !== 'string') return null
      const now = encode([...upgradedNdef(model, RENAMING, ndef as unknown as Ndef)])
      return Buffer.compare(now, encode(ndef)) === 0 ? null : now
    },
    prop(form, name, packed) {
      if (isRenamed(form)) return null
      let [now, valu] = [name, packed === null ? null : decode(packed)]
      for (const revision of RENAMING) [now, valu] = revision.prop(model, form, now, valu)
      const valuNow = packed === null ? null : encode(valu)
      const isSame =
        now === name && (packed === null || Buffer.compare(valuNow as Uint8Array, encode(decode(packed))) === 0)
      return isSame ? null : { name: encode(now), valu: valuNow }
    },
  }
}
