import { readFileSync } from 'node:fs'
import { isMap, isScalar, parseDocument } from 'yaml'
import { MigrationError } from '../errors.js'

const IDEN = /^[0-9a-f]{32}$/
/** No leading zeros: YAML 1.1 would read them as octal. */
const OFFSET = /^(0|[1-9][0-9]{0,15})$/

/**
 * Reads `lyroffs.yaml` of a migration: a map of layer idens to `{nextoffs, created}`, in file order.
 *
 * @throws {MigrationError} ERR_CONFIG naming the first thing that is wrong; creates nothing
 */
export function readOffsetsFile(path: string | undefined): [iden: string, offset: number][] {
  if (path === undefined) {
    throw new MigrationError('ERR_CONFIG', 'Cannot start from a file: no offsets file is configured', {
      hint: 'pass --offsfile <dest>/migration/lyroffs.yaml of the migration',
    })
  }
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw wrong(path, (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause))
  }
  // Convert nothing to numbers: idens made of digits only must stay text.
  const document = parseDocument(text, { schema: 'failsafe' })
  if (document.errors.length > 0) throw wrong(path, `it is not YAML: ${document.errors[0].message.split('\n')[0]}`)
  const { contents } = document
  if (!isMap(contents)) throw wrong(path, 'it is not a map of layer idens')
  if (contents.items.length === 0) throw wrong(path, 'it names no layer')
  return contents.items.map(({ key, value }) => {
    const iden = isScalar(key) ? String(key.value) : ''
    if (!IDEN.test(iden)) throw wrong(path, `"${iden}" is not a layer iden of 32 hex digits`)
    const nextoffs = isMap(value) ? value.get('nextoffs') : undefined
    if (nextoffs === undefined) throw wrong(path, `layer ${iden} has no nextoffs`)
    const offset = Number(nextoffs)
    if (!OFFSET.test(String(nextoffs)) || !Number.isSafeInteger(offset)) {
      throw wrong(path, `nextoffs of layer ${iden} is "${nextoffs}", which is not an offset`)
    }
    return [iden, offset]
  })
}

function wrong(path: string, found: string): MigrationError {
  return new MigrationError('ERR_CONFIG', `Cannot read offsets file "${path}": ${found}`, {
    hint: 'migrate_020 writes it as <dest>/migration/lyroffs.yaml',
  })
}
