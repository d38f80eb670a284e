import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SlabReader } from '../../src/page/page-reader.js'
import { Campaign } from '../support/campaign.js'
import { copyCortex, migrate, synapseMigrator, tempDir, unpack } from '../support/cortex.js'
import { del, type Plant, plant, put, rowsOf } from '../support/plant.js'

/** What a migration keeps for itself, of which verify says that it does not compare it. */
const OWN = /^migration\/(checkpoints|migr\.opts|report|runs|status|migrate\.log)|\/lock\.mdb$/

test('verify sees any row or file of a migrated Cortex that is changed, lost or added', async (t) => {
  const dir = tempDir(t)
  const campaign = new Campaign('verify', 20, 300)
  const src = unpack('demo-cortex.tar.gz', join(dir, 'src'))
  const whole = join(dir, 'whole')
  assert.equal(migrate('--src', src, '--dest', whole, '--add-mode', 'nexus').status, 8)
  const files = readdirSync(whole, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(whole, path)).isFile() && !OWN.test(path))
    .sort()
  for (let i = 0; i < campaign.cases; i++) {
    const dest = copyCortex(whole, join(dir, 'dest'))
    // Each file in turn, so that slabs of one row are tried as often as large ones.
    const path = files[(i + campaign.seed) % files.length]
    const what = path.endsWith('data.mdb')
      ? changeSlab(join(dest, path, '..'), campaign)
      : changeFile(dest, path, campaign)
    await campaign.try(`${what} of ${path}`, () => {
      const { status, stdout, stderr } = synapseMigrator(['verify', '--src', src, '--dest', dest])
      // Whose destination it is cannot be told without its iden: that is refused.
      assert.equal(status, path === 'cell.guid' ? 4 : 7, stdout + stderr)
      campaign.count(`${what} seen`)
    })
    rmSync(dest, { recursive: true })
  }
  campaign.end()
})

function changeSlab(path: string, campaign: Campaign): string {
  const slab = SlabReader.open(path)
  const name = campaign.pick(slab.dbNames())
  const dupSort = slab.db(name)?.dupSort === true
  slab.close()
  const rows = rowsOf(path, name)
  const kind = rows.length === 0 ? 'added' : campaign.pick(['added', 'changed', 'lost'])
  const { key, value } = rows.length === 0 ? { key: Buffer.alloc(8), value: Buffer.from([0xc0]) } : campaign.pick(rows)
  const remove = del(name, key, dupSort ? value : null)
  const changes: Record<string, readonly Plant[]> = {
    added: [put(name, flipped(key, campaign, key.length - 1), value, dupSort)],
    changed: [remove, put(name, key, flipped(value, campaign), dupSort)],
    lost: [remove],
  }
  plant(path, changes[kind])
  return `row ${kind}`
}

function changeFile(dest: string, path: string, campaign: Campaign): string {
  const kind = campaign.pick(['added', 'longer', 'changed', 'lost'])
  const at = join(dest, path)
  const content = readFileSync(at)
  if (kind === 'lost') rmSync(at)
  else if (kind === 'changed' && content.length > 0) writeFileSync(at, flipped(content, campaign))
  else if (kind === 'added' && canHaveStrangers(path)) writeFileSync(`${at}.stranger`, content)
  else {
    writeFileSync(at, Buffer.concat([content, Buffer.from('x: 1\n')]))
    return 'file made longer'
  }
  return `file ${kind}`
}

/** What is beside the source's own at the top stays there, and verify says that it does not compare it. */
function canHaveStrangers(path: string): boolean {
  return path.includes('/') && !path.startsWith('migration/')
}

/** The bytes with one bit turned over, at any place or the one that is given. */
function flipped(bytes: Uint8Array, campaign: Campaign, at = campaign.random(Math.max(1, bytes.length))): Buffer {
  if (bytes.length === 0) return Buffer.from([1])
  const copy = Buffer.from(bytes)
  copy[at] ^= 1 << campaign.random(8)
  return copy
}
