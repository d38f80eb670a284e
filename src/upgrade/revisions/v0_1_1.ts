import { NormError } from '../../norm-error.js'
import type { LayerRevision } from '../revision.js'

const FORM = 'ps:contact'
const PROP = 'address'

/** The address of a contact gets the norm of other addresses: lower case, single spaces. */
export const v0_1_1: LayerRevision = {
  version: [0, 1, 1],
  what: 'ps:contact:address, normed as an address',
  touches: () => [[FORM, PROP]],
  ndef: (_, ndef) => ndef,
  prop(model, form, name, valu) {
    const type = form === FORM && name === PROP ? model.forms.get(FORM)?.props.get(PROP)?.type : undefined
    if (type === undefined) return [name, valu]
    try {
      return [name, type.norm(valu).valu]
    } catch (error) {
      // 0.1.58 would not even start on such a Cortex; we keep the value.
      if (error instanceof NormError) return [name, valu]
      throw error
    }
  },
}
