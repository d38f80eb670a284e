import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { SlabReader } from '../../src/page/page-reader.js'
import { Campaign } from '../support/campaign.js'
import { compareDumps, report } from '../support/compare.js'
import { copyCortex, tempDir } from '../support/cortex.js'
import { dumpCortex } from '../support/dump.js'
import { Undisturbed } from '../support/undisturbed.js'

const PAGE_BYTES = 4096
/** A flipped bit of a value is in one node, its index rows and the names it bears, or in one splice, or one of the hive. */
const MOST_BUIDS = 2
const MOST_OTHERS = 24

/** A splice that no longer belongs to the node edit of the one before gives all later ones another number. */
function withoutNumbers(dump: readonly string[]): string[] {
  return dump.map((line) => line.replace(/^(layers\/\w+\/nodeedits\.lmdb\tnodeedits\t\[)\d+/, '$1n'))
}

/** Whether a row of the log is an error record: its key is `<step> 0 error 0 …`, in hex when a buid at its end is no text. */
function isErrorRow(row: string): boolean {
  return row.includes('error') || row.includes(Buffer.from('\0error\0').toString('hex'))
}

function slabsBelow(dir: string): string[] {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' })
  return files.filter((path) => basename(path) === 'data.mdb').sort()
}

/** Damages what is used of a slab; returns how. */
function damage(path: string, campaign: Campaign): string {
  const { random } = campaign
  const slab = SlabReader.open(path)
  const pages = slab.lastPage + 1
  slab.close()
  const fd = openSync(path, 'r+')
  try {
    const kind = random(10)
    if (kind === 0) {
      const size = random(pages * PAGE_BYTES)
      ftruncateSync(fd, size)
      return `cut at ${size}`
    }
    if (kind === 1) {
      const page = random(pages)
      writeSync(fd, Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, page * PAGE_BYTES)
      return `page ${page} zeroed`
    }
    const bits = 1 + random(4)
    const flips = Array.from({ length: bits }, () => {
      // Headers and the offsets of rows are hit as often as all the rest.
      const at = random(2) === 0 ? random(pages * PAGE_BYTES) : random(pages) * PAGE_BYTES + random(48)
      const byte = Buffer.alloc(1)
      readSync(fd, byte, 0, 1, at)
      byte[0] ^= 1 << random(8)
      writeSync(fd, byte, 0, 1, at)
      return at
    })
    return `bits flipped at ${flips}`
  } finally {
    closeSync(fd)
  }
}

test('a source slab with flipped bits or cut short: an error that names it, or nothing lost but what was damaged', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('damaged source', 16, 200)
  const calm = await Undisturbed.of('demo-cortex', dir)
  const slabs = slabsBelow(calm.srcDir)
  for (let i = 0; i < campaign.cases; i++) {
    const slab = slabs[i % slabs.length]
    const destDir = calm.newDest()
    const srcDir = copyCortex(calm.srcDir, join(dirname(destDir), 'src'))
    const how = damage(join(srcDir, slab), campaign)
    const what = `${slab}: ${how}`
    await campaign.try(what, async () => {
      const run = await calm.run({ destDir, srcDir })
      assert.ok(!run.isHung, `${what}: ${run.stderr}`)
      assert.equal(run.signal, null, `${what}: ${run.signal}\n${run.stderr}`)
      if (run.summary === undefined) {
        assert.match(run.stderr, /^error: /m, what)
        assert.match(run.stderr, /^hint: /m, `${what}: ${run.stderr}`)
        assert.ok([4, 5].includes(run.status as number), `${what}: exit code ${run.status}: ${run.stderr}`)
        const isNamed = run.stderr.includes(dirname(slab)) || run.stderr.includes(basename(dirname(slab), '.lmdb'))
        assert.ok(isNamed || run.status === 4, `${what} is not named: ${run.stderr}`)
        campaign.count(`named, exit code ${run.status}`)
        return
      }
      const { unexplained } = compareDumps(withoutNumbers(dumpCortex(destDir)), withoutNumbers(calm.expected))
      const differing = unexplained.filter(({ path }) => !path.startsWith('migration/'))
      const inLayers = differing.filter(({ path }) => path.startsWith('layers/') && !path.includes('nodeedits'))
      const buids = new Set(inLayers.flatMap(({ row }) => row.match(/[0-9a-f]{64}/g) ?? []))
      const others = differing.filter(({ path }) => !path.startsWith('layers/') || path.includes('nodeedits'))
      const isMore = unexplained.some(({ path, row }) => path.includes('migr.lmdb') && isErrorRow(row))
      assert.ok(buids.size <= MOST_BUIDS || isMore, `${what}: ${buids.size} nodes differ: ${report(differing)}`)
      assert.ok(others.length <= MOST_OTHERS || isMore, `${what}: ${report(differing)}`)
      campaign.count(isMore ? 'quarantined' : differing.length === 0 ? 'no harm' : 'a value of the source altered')
    })
  }
  campaign.end()
})
