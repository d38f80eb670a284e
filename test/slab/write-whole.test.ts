import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join, relative } from 'node:path'
import { afterEach, test } from 'node:test'
import { Writer } from '../../src/writer/writer.js'
import { tempDir } from '../support/fixture.js'

const { lstatSync, openSync } = fs

afterEach(() => {
  Object.assign(fs, { lstatSync, openSync })
  syncBuiltinESMExports()
})

test('sync() makes a destination durable while another process renames what it makes of a layer', () => {
  const dir = tempDir()
  const ours = join(dir, 'layers', 'a', 'layer_v2.lmdb')
  const theirs = join(dir, 'migration', 'parts', 'a', 'extract-0001.host-7')
  for (const path of [ours, theirs]) {
    fs.mkdirSync(path, { recursive: true })
    fs.writeFileSync(join(path, 'data.mdb'), '')
  }
  const opened: string[] = []
  Object.assign(fs, {
    lstatSync: (path: fs.PathLike) => {
      if (String(path) === theirs) fs.renameSync(theirs, theirs.replace('.host-7', ''))
      return lstatSync(path)
    },
    openSync: (path: fs.PathLike, flags: string) => {
      opened.push(relative(dir, String(path)))
      return openSync(path, flags)
    },
  })
  syncBuiltinESMExports()

  new Writer(() => {}).sync({ destDir: relative('', dir) })
  assert.deepEqual(opened.sort(), [
    '',
    'layers',
    'layers/a',
    'layers/a/layer_v2.lmdb',
    'layers/a/layer_v2.lmdb/data.mdb',
    'migration',
  ])
})
