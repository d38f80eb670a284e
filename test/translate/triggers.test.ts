import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, PackMap, type Value } from '../../src/bytes/msgpack.js'
import { translateCron } from '../../src/translate/cron.js'
import { numberQueues } from '../../src/translate/queues.js'
import { translateTrigger } from '../../src/translate/triggers.js'

const VIEW = '4'.repeat(32)
const USER = '1'.repeat(32)
const CELL = 'c'.repeat(32)
const IDEN = '00112233445566778899aabbccddeeff'
const context = { defaultView: VIEW, cellGuid: CELL, hasView: (iden: string) => iden === VIEW }

/** As Synapse 0.1.58 stores a rule. */
const stored: [Value, Value][] = [
  ['ver', 1],
  ['cond', 'node:add'],
  ['useriden', USER],
  ['storm', '[ +#x ]'],
  ['viewiden', VIEW],
  ['enabled', false],
  ['doc', ''],
  ['name', ''],
  ['form', 'inet:ipv4'],
  ['tag', null],
  ['prop', null],
]

test('translateTrigger() keeps iden and order, names the user and drops empty conditions', () => {
  const outcome = translateTrigger(IDEN, new PackMap(stored), context)
  assert.ok('ok' in outcome)
  assert.deepEqual([outcome.ok.viewIden, outcome.ok.iden], [VIEW, IDEN])
  assert.deepEqual(outcome.ok.tdef.entries, [
    ['ver', 1],
    ['cond', 'node:add'],
    ['storm', '[ +#x ]'],
    ['enabled', false],
    ['doc', ''],
    ['name', ''],
    ['form', 'inet:ipv4'],
    ['user', USER],
    ['iden', IDEN],
  ])
})

test('translateTrigger() takes a rule without view, or with the Cortex as view, to the default view', () => {
  for (const viewiden of [undefined, null, CELL]) {
    const rule = stored.filter(([name]) => name !== 'viewiden')
    if (viewiden !== undefined) rule.push(['viewiden', viewiden])
    const outcome = translateTrigger(IDEN, new PackMap(rule), context)
    assert.ok('ok' in outcome)
    assert.equal(outcome.ok.viewIden, VIEW)
  }
})

test('translateTrigger() enables rules that were stored before they could be disabled', () => {
  const rule = new PackMap(stored.filter(([name]) => name !== 'enabled'))
  const outcome = translateTrigger(IDEN, rule, context)
  assert.equal('ok' in outcome && outcome.ok.tdef.get('enabled'), true)
})

test('translateTrigger() fails for a rule without user as the reference does', () => {
  // Of the reference's log: 50ab15dc83626619ddc83c3d0e3518bf, {err, rule: {ver, cond, storm, form}}.
  const rule = new PackMap([['ver', 1], ['cond', 'node:add'], ['viewiden', VIEW], ['storm', 'x'], ['form', 'inet:fqdn']])
  const outcome = translateTrigger(IDEN, rule, context)
  assert.ok('fail' in outcome)
  assert.equal(outcome.fail.key, '50ab15dc83626619ddc83c3d0e3518bf')
  assert.equal(outcome.fail.val.get('err'), 'Missing iden values for trigger')
  assert.deepEqual((outcome.fail.val.get('rule') as PackMap).get('storm'), 'x')
}) // biome-ignore format: a rule

test('translateTrigger() fails for a view that does not exist, and for what is no rule', () => {
  const rule = new PackMap(stored.map(([name, value]) => [name, name === 'viewiden' ? '8'.repeat(32) : value]))
  const outcome = translateTrigger(IDEN, rule, context)
  assert.ok('fail' in outcome)
  assert.equal(outcome.fail.key, IDEN)
  assert.deepEqual(outcome.fail.val.get('rule'), rule)
  assert.ok('fail' in translateTrigger(IDEN, 'text', context))
})

test('translateCron() makes useriden the creator and is done after that', () => {
  const job = new PackMap([
    ['ver', 1],
    ['useriden', USER],
    ['nexttime', decode(Buffer.from('cb41d8000000000000', 'hex'))],
  ])
  const once = translateCron(job) as PackMap
  assert.deepEqual(once.entries.map(([name]) => name), ['ver', 'nexttime', 'creator'])
  assert.equal(once.get('creator'), USER)
  assert.equal(Buffer.from(encode(translateCron(once))).toString('hex'), Buffer.from(encode(once)).toString('hex'))
  const none = new PackMap([['useriden', null]])
  assert.equal(translateCron(none), none)
}) // biome-ignore format: lists

test('numberQueues() keeps every number that 0.1.x gave and gives the next ones to queues that were never used', () => {
  const given = new Map([
    ['zeta', 0n],
    ['deleted', 5n],
    ['alpha', 1n],
  ])
  const numbered = numberQueues(['alpha', 'mid', 'new', 'zeta'], given)
  assert.deepEqual(new Map(numbered.map(({ name, number }) => [name, number])), new Map([...given, ['mid', 6n], ['new', 7n]]))
  assert.deepEqual(numberQueues(['a', 'b'], new Map()).map(({ number }) => number), [0n, 1n])
}) // biome-ignore format: lists
