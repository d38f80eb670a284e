import { existsSync, readFileSync } from 'node:fs'
import { MigrationError } from '../errors.js'
import type { ModelFile } from '../model/model-file.js'
import { problemText } from '../model-tools/problem-text.js'
import { maskUrl } from '../telepath/url.js'

/**
 * Reads the `--model` arguments in order: files, or telepath urls of running Cortexes.
 *
 * @param warn receives what we cannot use of a running Cortex
 * @throws {MigrationError} ERR_CONFIG
 */
export async function readModelFiles(places: readonly string[], warn: (text: string) => void): Promise<ModelFile[]> {
  if (places.length === 0) return []
  // The code that checks them takes a third of this program's loading time, and few runs need it.
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

/** The `--model` arguments for logs and reports, without passwords. */
export function shownModels(places: readonly string[]): string[] {
  return places.map(maskUrl)
}

async function readRemote(url: string, warn: (text: string) => void): Promise<ModelFile> {
  const { readRemoteModel } = await import('../model-tools/remote-model.js')
  const { file, problems } = await readRemoteModel(url)
  for (const each of problems) warn(`Left out of the model of ${maskUrl(url)}: ${problemText(each)}`)
  return file
}
