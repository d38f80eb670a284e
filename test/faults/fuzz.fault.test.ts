import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { Model } from '../../src/model/model.js'
import { Hive } from '../../src/slab/hive.js'
import { readYamlFile } from '../../src/slab/yaml-file.js'
import { NodeTranslator } from '../../src/translate/node.js'
import { SourceNode } from '../../src/translate/source-node.js'
import { SpliceTranslator } from '../../src/translate/splices.js'
import { Campaign } from '../support/campaign.js'
import { tempDir, unpack } from '../support/cortex.js'
import { rowsOf } from '../support/plant.js'

interface Bytes {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const ODD_BYTES = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xc9, 0xcb, 0xcf]
const MORE_ODD_BYTES = [0xd3, 0xd4, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff]

/** Another row: bits flipped, bytes replaced, cut out, put in, doubled, or from another place. */
function mutated(bytes: Uint8Array, random: (bound: number) => number): Uint8Array {
  let result = Buffer.from(bytes)
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(result.length + 1)
    const kind = random(6)
    if (kind === 0 && result.length > 0) result[at % result.length] ^= 1 << random(8)
    else if (kind === 1 && result.length > 0) result[at % result.length] = [...ODD_BYTES, ...MORE_ODD_BYTES][random(26)]
    else if (kind === 2) result = result.subarray(0, at)
    else if (kind === 3)
      result = Buffer.concat([result.subarray(0, at), Buffer.from([random(256)]), result.subarray(at)])
    else if (kind === 4) result = Buffer.concat([result.subarray(0, at), result.subarray(random(at + 1))])
    else result = Buffer.concat([result.subarray(0, at), result.subarray(at + random(8))])
  }
  return result
}

/** The rows of each node, in order. */
function nodesOf(rows: readonly Bytes[]): Bytes[][] {
  const nodes = new Map<string, Bytes[]>()
  for (const row of rows) {
    const buid = Buffer.from(row.key.subarray(0, 32)).toString('hex')
    nodes.set(buid, [...(nodes.get(buid) ?? []), row])
  }
  return [...nodes.values()]
}

const cortex = (t: { after(fn: () => void): void }) => unpack('demo-cortex.tar.gz', join(tempDir(t), 'src'))

test('NodeTranslator makes of any rows a node or a failure, and never more than was there', (t) => {
  const campaign = new Campaign('fuzz of node rows', 2000, 8000)
  const src = cortex(t)
  const nodes = readdirSync(join(src, 'layers')).flatMap((iden) =>
    nodesOf(rowsOf(join(src, 'layers', iden, 'layer.lmdb'), 'bybuid')),
  )
  const node = new SourceNode()
  let translator = new NodeTranslator(Model.core(), { checks: true, layer: 'l'.repeat(32) })
  for (let i = 0; i < campaign.cases; i++) {
    if (i % 500 === 499) translator = new NodeTranslator(Model.core(), { checks: true, layer: 'l'.repeat(32) })
    const rows = campaign.pick(nodes)
    const hit = campaign.random(rows.length)
    const others = campaign.pick(nodes)
    const fuzzed = rows
      .map((row, at) => {
        if (at !== hit) return row
        const isKey = campaign.random(3) === 0
        const name = isKey ? mutated(row.key.subarray(32), campaign.random) : row.key.subarray(32)
        const value = isKey
          ? row.value
          : mutated(campaign.random(8) === 0 ? others[0].value : row.value, campaign.random)
        return { key: Buffer.concat([row.key.subarray(0, 32), name]), value }
      })
      .sort((a, b) => Buffer.compare(a.key, b.key))
    node.begin(Buffer.from(fuzzed[0].key.subarray(0, 32)), 0)
    for (const { key, value } of fuzzed) {
      const k = Buffer.from(key)
      const v = Buffer.from(value)
      node.add(k, 32, k.length, v, 0, v.length)
    }
    const outcome = translator.translate(node, 0, campaign.random(4) === 0 ? 'inet:fqdn' : null)
    if (outcome === null) {
      campaign.count('translated')
      assert.ok(
        translator.rows.count <= fuzzed.length,
        `seed ${campaign.seed}, case ${i}: ${translator.rows.count} rows`,
      )
    } else {
      campaign.count(outcome.failure.code)
      assert.notEqual(outcome.failure.mesg, '')
    }
  }
  campaign.end()
})

test('SpliceTranslator makes of any splices edits or failures, each splice once', (t) => {
  const campaign = new Campaign('fuzz of splices', 2000, 8000)
  const src = cortex(t)
  const splices = readdirSync(join(src, 'layers')).flatMap((iden) =>
    rowsOf(join(src, 'layers', iden, 'splices.lmdb'), 'splices'),
  )
  const model = Model.core()
  let covered = 0
  const translator = new SpliceTranslator(
    {
      formStortype: (form) => model.forms.get(form)?.stortype,
      propStortype: (form, prop) => model.forms.get(form)?.props.get(prop)?.stortype,
      tagPropStortype: (prop) => model.tagProps.get(prop)?.stortype,
    },
    {
      nodeEdit: ({ splices }) => {
        covered += splices
        campaign.count('edits', splices)
      },
      failure: () => {
        covered++
        campaign.count('failures')
      },
    },
  )
  for (let i = 0; i < campaign.cases; i++) {
    const { value } = campaign.pick(splices)
    const raw = campaign.random(4) === 0 ? Buffer.from(value) : Buffer.from(mutated(value, campaign.random))
    translator.add(i, raw, 0, raw.length)
  }
  translator.flush()
  assert.equal(covered, campaign.cases, `seed ${campaign.seed}`)
  campaign.end()
})

test('Hive and auth take any rows, or say what they cannot read', (t) => {
  const campaign = new Campaign('fuzz of hive rows', 500, 2000)
  const rows = rowsOf(join(cortex(t), 'slabs', 'cell.lmdb'), 'hive')
  for (let i = 0; i < campaign.cases; i++) {
    const hit = campaign.random(rows.length)
    const fuzzed = rows.map((row, at) => {
      if (at !== hit) return row
      const isKey = campaign.random(2) === 0
      return isKey
        ? { ...row, key: mutated(row.key, campaign.random) }
        : { ...row, value: mutated(row.value, campaign.random) }
    })
    try {
      const hive = Hive.from(fuzzed)
      for (const path of hive.children([])) walk(hive, [path])
      campaign.count('read')
    } catch (err) {
      assert.match((err as Error).message, /\w/)
      assert.ok(
        !(err instanceof TypeError) && !(err instanceof RangeError),
        `seed ${campaign.seed}: ${(err as Error).stack}`,
      )
      campaign.count('refused')
    }
  }
  campaign.end()
})

function walk(hive: Hive, path: string[]): void {
  hive.get(path)
  for (const name of hive.children(path)) walk(hive, [...path, name])
}

test('readYamlFile() takes any text, or says what it cannot read', (t) => {
  const campaign = new Campaign('fuzz of YAML', 500, 2000)
  const path = join(tempDir(t), 'cell.yaml')
  const text = Buffer.from(
    '---\nauth:passwd: secret\nmodules:\n- a.b\n- - c.d\n  - {x: 1}\nlayers:lockmemory: yes\n...\n',
  )
  for (let i = 0; i < campaign.cases; i++) {
    writeFileSync(path, mutated(text, campaign.random))
    try {
      readYamlFile(path)
      campaign.count('read')
    } catch (err) {
      assert.ok(err instanceof MigrationError && err.code === 'ERR_CONFIG', `${(err as Error).stack}`)
      campaign.count('refused')
    }
  }
  campaign.end()
})
