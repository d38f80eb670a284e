import { existsSync, readFileSync } from 'node:fs'
import { MigrationError } from '../errors.js'
import type { ModelFile } from '../model/model-file.js'
import { maskUrl } from '../telepath/url.js'

/**
 * Reads what `--model` names, in that order: files, and running Cortexes by their telepath urls.
 *
 * @param warn takes what of a running Cortex cannot be used here
 * @throws {MigrationError} ERR_CONFIG
 */
export async function readModelFiles(places: readonly string[], warn: (text: string) => void): Promise<ModelFile[]> {
  if (places.length === 0) return []
  // What checks them is a third of the time that it takes to load this program, and few need it.
  const [{ parseModelFile }, { isTelepath }] = await Promise.all([
    import('../model/model-file.js'),
    import('../telepath/aliases.js'),
  ])
  const files: ModelFile[] = []
  for (const place of places) {
    if (existsSync(place)) files.push(parseModelFile(readFileSync(place, 'utf8'), place))
    else if (isTelepath(place)) files.push(await readRemote(place, warn))
    else throw new MigrationError('ERR_CONFIG', `Cannot read model file "${place}": it does not exist`)
  }
  return files
}

/** What `--model` names, for logs and reports: no password. */
export function shownModels(places: readonly string[]): string[] {
  return places.map(maskUrl)
}

async function readRemote(url: string, warn: (text: string) => void): Promise<ModelFile> {
  const { problemText, readRemoteModel } = await import('../model-tools/remote-model.js')
  const { file, problems } = await readRemoteModel(url)
  for (const each of problems) warn(`Left out of the model of ${maskUrl(url)}: ${problemText(each)}`)
  return file
}
