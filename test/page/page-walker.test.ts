import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { MigrationError } from '../../src/errors.js'
import { NodeFlag, PageFlag } from '../../src/page/format.js'
import { walkSlab } from '../../src/page/page-walker.js'
import { tempDir } from '../support/fixture.js'
import { buildSlab, numbered, type Row, sorted } from './built-slab.js'

const dir = tempDir()
const SOUND = join(dir, 'sound')
let copies = 0

before(() => {
  const values = (count: number, from: number) =>
    Array.from({ length: count }, (_, i) => Uint8Array.of(from, i >> 8, i))
  const rows = (key: string, list: Uint8Array[]): Row[] => list.map((value) => ({ key: Buffer.from(key), value }))
  buildSlab(SOUND, {
    plain: { dupSort: false, rows: numbered(0, 3000, (i) => (i === 1500 ? 9000 : 40)) },
    dups: { dupSort: true, rows: sorted([...rows('few', values(5, 1)), ...rows('many', values(2000, 2))]) },
  })
})

test('walkSlab() counts what each db of a sound slab holds', () => {
  const walk = walkSlab(SOUND)
  assert.deepEqual(walk.complaints, [])
  const { plain, dups } = Object.fromEntries(walk.dbs)
  assert.deepEqual([plain.entries, plain.depth, plain.branchPages, plain.overflowPages], [3000, 2, 1, 3])
  assert.deepEqual([dups.entries, dups.subPages, dups.subTrees, dups.leafPages], [2005, 1, 1, 1])
})

/** One damage each; `found` is what the walker must say about it. */
const damages: Record<string, { found: RegExp; damage: (file: SlabFile) => void }> = {
  'another page number in a header': {
    found: /its header says page 99/,
    damage: (file) => file.view.setUint32(file.leaf('plain'), 99, true),
  },
  'leaf flags with a dirty bit': {
    found: /flags are 0x12, expected 0x2/,
    damage: (file) => file.view.setUint16(file.leaf('plain') + 10, 0x12, true),
  },
  'bounds that cross': {
    found: /bounds are 5000 and/,
    damage: (file) => file.view.setUint16(file.leaf('plain') + 12, 5000, true),
  },
  'a node outside of its page': {
    found: /node 0 lies at 4094/,
    damage: (file) => file.view.setUint16(file.leaf('plain') + 16, 4094, true),
  },
  'an empty leaf': {
    found: /it has no rows/,
    damage: (file) => {
      file.view.setUint16(file.leaf('plain') + 12, 16, true)
      file.view.setUint16(file.leaf('plain') + 14, 4096, true)
    },
  },
  'keys out of order': {
    found: /key \d+ is not above the one before/,
    damage: (file) => {
      file.bytes[file.node(file.leaf('plain'), 3) + 8] = 0xff
    },
  },
  'a key below its parent': {
    found: /its first key is below its parent's/,
    damage: (file) => {
      const second = file.child(file.root('plain'), 1)
      file.bytes.fill(0, file.node(second, 0) + 8, file.node(second, 0) + 16)
    },
  },
  'a key that belongs to the next page': {
    found: /its last key is not below the next page's/,
    damage: (file) => {
      const last = file.count(file.leaf('plain')) - 1
      file.bytes[file.node(file.leaf('plain'), last) + 8] = 0xff
    },
  },
  'a page reached twice, and so another one not at all': {
    found: /page \d+ belongs to db "plain" and to db "plain"(.|\n)*page \d+ is neither reachable nor free/,
    damage: (file) => {
      const root = file.root('plain')
      file.view.setUint32(file.node(root, 1), file.view.getUint32(file.node(root, 0), true), true)
    },
  },
  'a branch page with one child': {
    found: /a branch page has 1 children, expected 2 or more/,
    damage: (file) => {
      const root = file.root('plain')
      file.view.setUint16(root + 12, 18, true)
      file.view.setUint16(root + 14, file.node(root, 0) - root, true)
    },
  },
  'a count of rows that is wrong': {
    found: /db "plain": entries is 3001, found 3000/,
    damage: (file) => file.view.setUint32(file.record('plain') + 32, 3001, true),
  },
  'a depth that is wrong': {
    found: /flags are 0x2, expected 0x1/,
    damage: (file) => file.view.setUint16(file.record('plain') + 6, 3, true),
  },
  'a short overflow run': {
    found: /it has 2 pages, 3 are needed/,
    damage: (file) => file.view.setUint32(file.overflowPage() + 12, 2, true),
  },
  'unknown node flags': {
    found: /node 0 has flags 0x40/,
    damage: (file) => file.view.setUint16(file.node(file.leaf('plain'), 0) + 4, 0x40, true),
  },
  'a sub-page without the dirty bit': {
    found: /sub-page of node 0: flags are 0x42, expected 0x52/,
    damage: (file) => file.view.setUint16(file.data(file.leaf('dups'), 0) + 10, 0x42, true),
  },
  'a sub-page with page number 0': {
    found: /sub-page of node 0: its page number is 0/,
    damage: (file) => file.view.setUint32(file.data(file.leaf('dups'), 0), 0, true),
  },
  'a tree of values with flags': {
    found: /the values of 6d616e79 in db "dups": flags are 0x4, expected 0x0/,
    damage: (file) => file.view.setUint16(file.data(file.leaf('dups'), 1) + 4, 4, true),
  },
  'a last page beyond the file': {
    found: /the last page is 60000, the file ends before page/,
    damage: (file) => [0, 4096].map((meta) => file.view.setUint32(meta + 136, 60_000, true)),
  },
}

for (const [what, { found, damage }] of Object.entries(damages)) {
  test(`walkSlab() finds ${what}`, () => {
    const file = new SlabFile(damagedCopy())
    damage(file)
    file.save()
    assert.match(walkSlab(file.dir).complaints.join('\n'), found)
  })
}

test('walkSlab() throws for a file without a meta page, and for another data format', () => {
  const refuses = (damage: (file: SlabFile) => void, code: string) => {
    const file = new SlabFile(damagedCopy())
    damage(file)
    file.save()
    assert.throws(
      () => walkSlab(file.dir),
      (err) => err instanceof MigrationError && err.code === code,
    )
  }
  refuses((file) => file.bytes.fill(0, 0, 8192), 'ERR_SLAB_CORRUPT')
  refuses((file) => file.view.setUint32(20, 2, true), 'ERR_SLAB_FORMAT')
})

function damagedCopy(): string {
  const copy = join(dir, `copy-${copies++}`)
  mkdirSync(copy)
  copyFileSync(join(SOUND, 'data.mdb'), join(copy, 'data.mdb'))
  return copy
}

/** Finds its way in a slab file: positions are those of bytes in the file. */
class SlabFile {
  readonly bytes: Buffer
  readonly view: DataView

  constructor(readonly dir: string) {
    this.bytes = readFileSync(join(dir, 'data.mdb'))
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset)
  }

  save(): void {
    writeFileSync(join(this.dir, 'data.mdb'), this.bytes)
  }

  count(page: number): number {
    return (this.view.getUint16(page + 12, true) - 16) / 2
  }

  node(page: number, index: number): number {
    return page + this.view.getUint16(page + 16 + 2 * index, true)
  }

  data(page: number, index: number): number {
    const node = this.node(page, index)
    return node + 8 + this.view.getUint16(node + 6, true)
  }

  child(page: number, index: number): number {
    return this.view.getUint32(this.node(page, index), true) * 4096
  }

  /** The `MDB_db` of a named db; records lie in the main db's only page. */
  record(name: string): number {
    const main = this.view.getUint32(88 + 40, true) * 4096
    const keys = Array.from({ length: this.count(main) }, (_, i) => {
      const key = this.node(main, i) + 8
      return this.bytes.toString('utf8', key, this.data(main, i))
    })
    return this.data(main, keys.indexOf(name))
  }

  root(name: string): number {
    return this.view.getUint32(this.record(name) + 40, true) * 4096
  }

  /** The first leaf. */
  leaf(name: string): number {
    let page = this.root(name)
    while (this.view.getUint16(page + 10, true) === PageFlag.branch) page = this.child(page, 0)
    return page
  }

  overflowPage(): number {
    for (let page = 8192; page < this.bytes.length; page += 4096) {
      if (this.view.getUint16(page + 10, true) !== PageFlag.leaf) continue
      for (let i = 0; i < this.count(page); i++) {
        const flags = this.view.getUint16(this.node(page, i) + 4, true)
        if (flags === NodeFlag.big) return this.view.getUint32(this.data(page, i), true) * 4096
      }
    }
    throw new Error('no overflow page')
  }
}
