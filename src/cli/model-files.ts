import { existsSync, readFileSync } from 'node:fs'
import { MigrationError } from '../errors.js'
import type { ModelFile } from '../model/model-file.js'

/**
 * Reads the files of `--model`, in their order.
 *
 * @throws {MigrationError} ERR_CONFIG
 */
export async function readModelFiles(paths: readonly string[]): Promise<ModelFile[]> {
  if (paths.length === 0) return []
  // What checks them is a third of the time that it takes to load this program, and few need it.
  const { parseModelFile } = await import('../model/model-file.js')
  return paths.map((path) => {
    if (existsSync(path)) return parseModelFile(readFileSync(path, 'utf8'), path)
    throw new MigrationError('ERR_CONFIG', `Cannot read model file "${path}": it does not exist`)
  })
}
