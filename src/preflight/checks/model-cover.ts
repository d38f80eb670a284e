import { join } from 'node:path'
import { MigrationError } from '../../errors.js'
import { SOURCE_LAYER_VERSION } from '../../layout/source-layer.js'
import { findUncovered } from '../../model-tools/coverage.js'
import { indexedNames, noNames, type RowNames } from '../../model-tools/row-names.js'
import { SlabReader } from '../../page/page-reader.js'
import { readSettled } from '../../slab/read-settled.js'
import { compareVersions, layerVersionOf } from '../../slab/version.js'
import { readExtModel } from '../../source/cortex-dir.js'
import { OLD_FORMS, OLD_PROPS } from '../../translate/stortypes.js'
import { type Check, type Finding, warning } from '../check.js'

/** How many names of a kind to show; `model check` shows all. */
const MOST_NAMES = 10

/** Names in the layers' indexes that no model has: their rows could not be migrated. */
export const modelCover: Check = ({ source, layerFacts, options: { modelFiles } }) => {
  const names = noNames()
  for (const [{ dir }, { hasLayerSlab, modelVersion }] of layerFacts) {
    const path = join(dir, 'layer.lmdb')
    if (!hasLayerSlab || !SlabReader.exists(path)) continue
    const found = namesOf(path)
    if (found === null) continue
    const isOld = compareVersions(layerVersionOf(modelVersion), SOURCE_LAYER_VERSION) < 0
    mergeInto(names, isOld ? withoutOld(found) : found)
  }
  const findings: Finding[] = []
  const { forms, props, univs, tagProps } = findUncovered(names, modelFiles, readExtModel(source.hive)).uncovered
  const ofKnown = props.filter(({ name }) => !forms.some((form) => name.startsWith(`${form.name}:`)))
  const parts = [
    listed('form', 'forms', forms),
    listed('property', 'properties', ofKnown),
    listed('universal property', 'universal properties', univs),
    listed('tag property', 'tag properties', tagProps),
  ].filter((part) => part !== null)
  if (parts.length > 0) {
    const text = `No model has what rows of the layers use: ${parts.join('; ')}. These rows cannot be migrated as they are`
    const hint = '"synapse-migrator model check" counts them; give their model with --model, see docs/model-file.md'
    findings.push(warning(text, hint))
  }
  if (modelFiles.some(({ proposed }) => proposed === true)) {
    const text = 'A model file was proposed by "synapse-migrator model infer", and nobody has said that it is right'
    findings.push(warning(text, 'Read it, correct it, then remove its line "proposed"'))
  }
  return findings
}

/**
 * Null when the indexes cannot be read. That is no problem: a migration rebuilds them, and a busy Cortex changes them
 * at any time.
 */
function namesOf(path: string): RowNames | null {
  try {
    return readSettled(path, (slab) => {
      const found = noNames()
      indexedNames(slab, found)
      return found
    })
  } catch (error) {
    if (error instanceof MigrationError) return null
    throw error
  }
}

/** Drops names that the upgrade of an older layer will change. */
function withoutOld({ forms, props, tagProps }: RowNames): RowNames {
  return {
    forms: new Map([...forms].filter(([form]) => !OLD_FORMS.has(form))),
    props: new Map(
      [...props]
        .filter(([form]) => !OLD_FORMS.has(form))
        .map(([form, names]) => [form, new Map([...names].filter(([prop]) => !OLD_PROPS.has(`${form}:${prop}`)))]),
    ),
    tagProps,
  }
}

function mergeInto(to: RowNames, from: RowNames): void {
  for (const [form, count] of from.forms) to.forms.set(form, count)
  for (const [prop, count] of from.tagProps) to.tagProps.set(prop, count)
  for (const [form, props] of from.props) to.props.set(form, new Map([...(to.props.get(form) ?? []), ...props]))
}

function listed(one: string, many: string, names: readonly { readonly name: string }[]): string | null {
  if (names.length === 0) return null
  const left = names.length - MOST_NAMES
  const shown = names.slice(0, MOST_NAMES).map(({ name }) => name)
  return `${names.length} ${names.length === 1 ? one : many} (${shown.join(', ')}${left > 0 ? `, and ${left} more` : ''})`
}
