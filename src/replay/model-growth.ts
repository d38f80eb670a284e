import { MigrationError } from '../errors.js'
import type { NodesCheckpoint, SplicesCheckpoint } from '../layout/records.js'
import type { ModelData } from '../model/model.js'
import type { ModelFile } from '../model/model-file.js'
import { modelKey } from '../stream/worker-state.js'

/** Something that a model adds to the core, in the JSON of a fingerprint. */
type Addition =
  | { readonly kind: 'file'; readonly file: ModelFile }
  | { readonly kind: 'prop'; readonly form: string; readonly name: string; readonly ref: unknown }
  | { readonly kind: 'univ' | 'tagProp'; readonly name: string; readonly ref: unknown }

/**
 * Checks that a model still has, unchanged, everything that a layer was migrated with: migrated values then stay
 * correct, and only errors can change. New files may add whatever was missing, and so may the Cortex's own extensions
 * that could not be added before.
 *
 * @param before the model in the fingerprint of the layer
 * @throws {MigrationError} ERR_CHECKPOINT_MISMATCH
 */
export function assertModelGrew(layer: string, before: string, model: ModelData): void {
  const [old, now] = [before, modelKey(model)].map((key) => definitions(JSON.parse(key) as Addition[]))
  const changed = [...old].find(([name, definition]) => now.get(name) !== definition)
  if (changed === undefined) return
  const [name] = changed
  throw new MigrationError(
    'ERR_CHECKPOINT_MISMATCH',
    `Cannot replay errors of layer ${layer}: it was migrated with ${now.has(name) ? 'another definition' : 'a definition'} of ${name}`,
    {
      hint: now.has(name)
        ? 'Leave it out of the new --model files: they may add definitions and not change any'
        : 'Give the --model files of the migration too',
    },
  )
}

/** The checkpoint of a layer, with another model. */
export function withModel<Checkpoint extends NodesCheckpoint | SplicesCheckpoint>(
  checkpoint: Checkpoint,
  model: ModelData,
): Checkpoint {
  return { ...checkpoint, fingerprint: { ...checkpoint.fingerprint, model: modelKey(model) } }
}

/** The meaning of each name, as Model resolves it: files never replace a definition, extensions of the Cortex do. */
function definitions(additions: readonly Addition[]): Map<string, string> {
  const found = new Map<string, string>()
  const offer = (name: string, definition: unknown) => {
    if (!found.has(name)) found.set(name, JSON.stringify(definition))
  }
  for (const addition of additions) {
    if (addition.kind === 'file') {
      const { types, forms, univs, tagProps } = addition.file
      for (const [name, def] of Object.entries(types)) offer(`type ${name}`, def)
      for (const [name, ref] of Object.entries(univs)) offer(`prop ${name}`, ref)
      for (const [name, ref] of Object.entries(tagProps)) offer(`tag prop ${name}`, ref)
      for (const [form, props] of Object.entries(forms)) {
        offer(`form ${form}`, null)
        for (const [name, ref] of Object.entries(props)) offer(`prop ${form}:${name}`, ref)
      }
    } else if (addition.kind === 'prop') {
      found.set(`prop ${addition.form}:${addition.name}`, JSON.stringify(addition.ref))
    } else if (addition.kind === 'univ') found.set(`prop .${addition.name}`, JSON.stringify(addition.ref))
    else found.set(`tag prop ${addition.name}`, JSON.stringify(addition.ref))
  }
  return found
}
