import type { LayerRevision } from '../revision.js'

const FORM = 'ou:org'

/** Corrects the misspelled name of a property. */
export const v0_1_3: LayerRevision = {
  version: [0, 1, 3],
  what: 'the name of ou:org:disolved, which is ou:org:dissolved',
  touches: () => [[FORM, 'disolved']],
  ndef: (_, ndef) => ndef,
  prop: (_, form, name, valu) => [form === FORM && name === 'disolved' ? 'dissolved' : name, valu],
}
