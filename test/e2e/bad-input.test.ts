import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareDumps, type Decision, type Difference, parseLine, report } from '../support/compare.js'
import { inconsistencies } from '../support/consistency.js'
import { fixture, migrate, tempDir, unpack } from '../support/cortex.js'
import { DECISIONS, steadyTriggers, tagPropTypes, withoutNodeEdits } from '../support/decisions.js'
import { dumpCortex, readLines } from '../support/dump.js'
import { nodeEdits } from '../support/node-edits.js'

/** What becomes of a damaged Cortex. test/fixtures/bad/outcomes.json says what became of it with the reference. */
interface Outcome {
  readonly exit: number
  /** Nodes and node data in the result, and in the source. */
  readonly nodes?: readonly [number, number]
  readonly nodedata?: readonly [number, number]
  /** Each splice is an edit, or an error. */
  readonly edits?: number
  /** Step, key (buids in hex) and how the message begins, of each error row in the migration log. */
  readonly errors?: readonly (readonly [string, string, string])[]
  /** The defects of the reference that are behind a better outcome. */
  readonly cures?: string
  /** The case whose reference result ours must equal, where the reference did not come to an end with this one. */
  readonly like?: string
  /** Lines that differ all the same, by the damage itself. */
  readonly except?: RegExp
  /** What standard error has to say. */
  readonly says?: RegExp
}

const LAYER = 'da202ae99a55194da2d4b96eb84a754b'
const FQDN0 = 'a0ade86c32f87562e3146ccae4df1a5de9078e9ea72a4bfa95592eaceab46753'
const FQDN1 = 'd2d850f9b9c53ecc3e850caa9cb33b3e4987b15ee5a9243b88e87d166bf2160b'
const NO_DATA_FORM = 'Nodedata form not resolved from migrated node slab'

const whole = { exit: 0, nodes: [23, 23], nodedata: [5, 5], edits: 142, errors: [] } as const
/** Everything but the node of host0.example.com and its node data, which are in the log. */
const withoutFqdn0 = (mesg: string) =>
  ({
    exit: 8,
    nodes: [22, 23],
    nodedata: [4, 5],
    edits: 142,
    errors: [
      ['nodedata', FQDN0, NO_DATA_FORM],
      ['nodes', FQDN0, mesg],
    ],
  }) as const
/** Everything of the whole Cortex, but not the nodes that the damage added. */
const withoutAdded = (...added: [buid: string, mesg: string][]) =>
  ({
    ...whole,
    exit: 8,
    nodes: [23, 23 + added.length],
    errors: added.map(([buid, mesg]) => ['nodes', buid, mesg]),
  }) as Outcome
const spliceError = (offset: number, mesg: string) =>
  ['splices', `${LAYER}:${String(offset).padStart(16, '0')}`, mesg] as const
const unstorable = `Unable to store nodeedits on ${LAYER}:`

const OUTCOMES: Record<string, Outcome> = {
  intact: whole,
  // node checks
  badbuid: {
    ...whole,
    exit: 8,
    nodes: [22, 23],
    errors: [['nodes', '5a'.repeat(32), "Calculated buid does not match inbound b'ZZZZ"]],
    cures: 'D23: the node data lies under the right buid, of which the layers know the form',
  },
  notnormed: withoutAdded([
    '557602e2db0ca7a21736f684578808f4219477fcbf0a95734f45ab5b1db0ea02',
    'Normed form val does not match inbound inet:fqdn, BAD.Example.COM, bad.example.com',
  ]),
  'notnormed-badbuid': withoutAdded(['11'.repeat(32), 'Calculated buid does not match inbound b']),
  normerror: withoutAdded(
    ['57ce285b45eb879203e3c97d0c1188f609d508075cff117d80bcdcc98c0a30f0', 'Buid/norming exception BadTypeValu: '],
    ['5993eebba35800546db984b2879cc86e8adbff5b59a8a350579d31ea79882452', 'Buid/norming exception BadTypeValu: '],
    ['8820bf41b018ad2053b594c52eb893d519b24a03a131031a286d58e1ce714bb2', 'Buid/norming exception BadTypeValu: '],
    ['9db7844d144f37658889d7b828bd49feba5c80ef0223acda276b97b3f1270180', 'Buid/norming exception BadTypeValu: '],
    ['e86d09404374df68aaa7bc8808d5432949ddd2653da081d9b540a038d970f675', 'Buid/norming exception BadTypeValu: '],
  ),
  'safetyoff-notnormed': { ...whole, nodes: [25, 25], says: /Node value checking before addition has been disabled/ },
  unknownform: withoutAdded([
    'bf68b7c531ddaec9817d11f4a8eed18351fa0dba922e70f39a367867598042de',
    "Unable to determine stortype for nope:form: 'NoneType' object has no attribute 'type'",
  ]),
  oldform: {
    ...withoutFqdn0(''),
    nodes: [22, 24],
    errors: [
      ['nodedata', FQDN0, NO_DATA_FORM],
      ['nodes', FQDN0, 'Unable to determine stortype for sprop expires, form inet:fqdn'],
      [
        'nodes',
        'c11283ea8722c2365915e2cb8c2aad96b1071ebc67354ee55ff739270588324c',
        "Unable to determine stortype for seen: 'NoneType' object has no attribute 'type'",
      ],
    ],
  },
  unknownprop: {
    exit: 8,
    nodes: [21, 23],
    nodedata: [3, 5],
    edits: 142,
    errors: [
      ['nodedata', FQDN0, NO_DATA_FORM],
      ['nodedata', FQDN1, NO_DATA_FORM],
      ['nodes', FQDN0, 'Unable to determine stortype for sprop nope, form inet:fqdn'],
      ['nodes', FQDN1, 'Unable to determine stortype for sprop .nope, form inet:fqdn'],
    ],
  },
  unknowntagprop: withoutFqdn0(
    "Unable to determine stortype for tagprop nope: 'NoneType' object has no attribute 'base'",
  ),
  twoforms: withoutFqdn0('Unable to determine stortype for sprop inet:ipv4, form inet:fqdn'),
  // nodes without a form row
  noform: { ...whole, nodes: [22, 23], like: 'noform-mappartial', cures: 'A43: --map-partial is the default' },
  'noform-mappartial': { ...whole, nodes: [22, 23] },
  'orphanrows-mappartial': withoutAdded(['42'.repeat(32), "No form name available for b'BBBB"]),
  // rows that cannot be read: the reference ends with a traceback
  'truncated-prop': { ...withoutFqdn0('Unable to decode row host of'), like: 'intact', cures: 'D14' },
  'truncated-form': { ...withoutFqdn0('Unable to decode row *inet:fqdn of'), like: 'intact', cures: 'D14' },
  'notpair-prop': { ...withoutFqdn0('Unable to decode row host of'), like: 'intact', cures: 'D14' },
  'extradata-prop': { ...withoutFqdn0('Unable to decode row host of'), like: 'intact', cures: 'D14' },
  'badutf8-key': { ...withoutFqdn0("A row name is not UTF-8: b'\\xff\\xfe' of"), like: 'intact', cures: 'D14' },
  emptyprop: { ...withoutFqdn0('Unable to parse a row without a name of'), like: 'intact', cures: 'D14' },
  shortkey: {
    ...whole,
    exit: 8,
    errors: [['nodes', Buffer.from('short').toString('hex'), 'A row key is shorter than a buid: 5 of 32 bytes']],
    like: 'intact',
    cures: 'D14',
  },
  'tagprop-colon': {
    ...whole,
    exit: 8,
    errors: [['nodes', FQDN0, 'No 2.x release can read a tag prop of the name a:b']],
    like: 'intact',
    cures: 'D13',
  },
  // nodes that 2.x cannot index: the reference loses the rest of their batch
  'int-min': {
    ...withoutAdded([
      'ce2bb2882320aee405274a67a60172fb3e19bb0005ea388380750676cd31ac56',
      `${unstorable} can't convert negative int to unsigned`,
    ]),
    cures: 'D1 D2',
  },
  'int-min-batch1': {
    ...withoutAdded([
      'ce2bb2882320aee405274a67a60172fb3e19bb0005ea388380750676cd31ac56',
      `${unstorable} can't convert negative int to unsigned`,
    ]),
    cures: 'D2',
  },
  'int-big': {
    ...withoutAdded(
      ['588d1c7b825bf41c0c5c0f1b69c4dcb1fc837430f3a56079fdd22709b28fdca1', `${unstorable} int too big to convert`],
      ['87d1c1ecfc5273da2226831a7ad00c20e63cedc47f1afc04846e985e1b881ed2', 'Buid/norming exception BadTypeValu: '],
    ),
    cures: 'D1 D2',
  },
  'guid-newline': {
    ...withoutAdded([
      '8a64d8a340d1717afc18c0e7bdfaf0f8f2e74f5d68e8ee4cb1ebdd86410ab5a0',
      `${unstorable} Odd-length string`,
    ]),
    cures: 'D1 D2',
  },
  'prop-types': {
    ...withoutAdded(
      [
        '65947216095b4e56f8ae13f1c32b2f4893be2210e1c177de094e5144f137ea56',
        `${unstorable} can only concatenate str (not "int") to str`,
      ],
      [
        'c6eede90ed21178cfe843de73a8c4300539a9386d915da0791a6ec1c0284107b',
        `${unstorable} 'float' object has no attribute 'to_bytes'`,
      ],
    ),
    nodes: [24, 26],
    cures: 'D1 D2',
    except: /c66a2f0c92aecd89/, // inet:ipv4=9 with asn=True, which can be indexed: the reference lost it with the batch
  },
  'tags-odd': {
    ...whole,
    exit: 8,
    nodes: [22, 23],
    nodedata: [4, 5],
    errors: [
      ['nodedata', FQDN1, NO_DATA_FORM],
      ['nodes', FQDN1, `${unstorable} mdb_put: MDB_BAD_VALSIZE`],
    ],
    cures: 'D1 D2',
    except: /^\["f63b6974\w+","tag","y",|^\["y",/, // a half open interval: the reference lost it with the batch
  },
  // odd but valid
  'prop-unnormed': { ...whole, nodes: [25, 25] },
  'edge-values': {
    ...withoutAdded(
      ['4e5722c50094f23d18eb92023300c77aa34c92d4932fdaa4bbe67d02660a8529', 'Buid/norming exception BadTypeValu: '],
      ['dbbcac85333d8b6cd4b913554c5542e3830d79d7668dcdd0654e0a62bd0d7dde', 'Buid/norming exception BadTypeValu: '],
    ),
    nodes: [30, 32],
  },
  'seen-odd': {
    ...whole,
    cures: 'D25: a node without .created does not get the time of the migration',
    except: /"\.created"/,
  },
  // layers and slabs
  wrongversion: { ...whole, like: 'intact', says: /of model version \(0, 1, 2\)/, cures: 'D60' },
  noversion: { ...whole, like: 'intact', says: /of no model version/, cures: 'D60' },
  nosplices: {
    ...whole,
    edits: 0,
    errors: [['splices', LAYER, 'noexist']],
    says: /Splice slab not found/,
    except: /^\["nodeedits",false\]$/,
  },
  nonodedata: {
    ...whole,
    nodedata: [0, 0],
    like: 'intact',
    cures: 'D21',
    says: /Nodedata slab not found/,
    except: /"\w{64}"|^\[\["score",null\]|"nodedata\\u0000/,
  },
  nolayerslab: { exit: 4, says: /there is no \S+layer\.lmdb/, cures: 'D36' },
  'orphan-layerdir': {
    ...whole,
    like: 'intact',
    cures: 'D16',
    says: /Layer directory d{32} is not in the hive/,
  },
  remotelayer: { exit: 4, says: /e{32} is a remote layer - it must be unconfigured/, cures: 'D20' },
  'layerowner-missing': { ...whole, like: 'intact', cures: 'D16', says: /Unable to convert user name nobody to iden/ },
  // users, roles and rules
  'user-nokids': { ...whole, like: 'intact', cures: 'D18', except: /c{32}/ },
  'rule-empty': { ...whole, like: 'intact', cures: 'D18', except: /c{32}/ },
  'role-unknown': { ...whole, like: 'intact', cures: 'D18', says: /f{32} role of user c{32}/, except: /c{32}/ },
  'gate-unknownuser': { ...whole, says: /Unable to match user iden to name: c{32}/ },
  'gate-unknownrole': {
    ...whole,
    like: 'intact',
    cures: 'D18',
    says: /role iden to name: c{32}/,
    except: /c{32}|^\["auth01x\\u0000[^"]*roles",null/,
  },
  // node data, triggers, queues
  'nodedata-orphan': { ...whole, exit: 0, nodedata: [5, 6], errors: [['nodedata', '42'.repeat(32), NO_DATA_FORM]] },
  'nodedata-truncated': {
    ...whole,
    exit: 8,
    nodedata: [4, 5],
    errors: [['nodedata', FQDN0, 'Nodedata could not be decoded']],
    like: 'intact',
    cures: 'D14',
  },
  'trigger-noview': {
    ...whole,
    exit: 8,
    errors: [['triggers', '3'.repeat(32), 'Trigger is for a view that does not exist']],
    cures: 'D15: the one without a view is of the default view, the one of an unknown view is reported',
    except: /8{32}|^\["(1|3){32}"/,
  },
  'trigger-nouser': {
    ...whole,
    exit: 8,
    errors: [['triggers', '50ab15dc83626619ddc83c3d0e3518bf', 'Missing iden values for trigger']],
  },
  'queue-bad': {
    ...whole,
    exit: 8,
    errors: [
      ['hiveauth', 'queue:q1', 'Missing iden values for queue'],
      ['hiveauth', 'queue:q2', 'Missing iden values for queue'],
    ],
  },
  // splices
  'splices-old': {
    ...whole,
    exit: 8,
    edits: 147,
    errors: [
      spliceError(143, 'Unable to determine stortype type for prop meta:seen:a'),
      spliceError(145, 'Unable to determine stortype type for prop inet:fqdn:expires from an older modelrev'),
      spliceError(146, 'Unable to determine stortype type for form nope:x'),
      spliceError(148, 'Unable to determine stortype type for prop inet:fqdn:nope'),
      spliceError(149, 'Unrecognized splice edit'),
      spliceError(150, 'Unable to determine stortype type for tag prop x:nope'),
    ],
    cures: 'D10: one splice does not cost its group; D61: a splice of the form seen is one of meta:seen',
  },
  'splices-order': { ...whole, edits: 152 },
  'splices-nondef': {
    ...whole,
    exit: 8,
    edits: 144,
    errors: [spliceError(142, 'Cannot read splice: it has no ndef')],
    cures: 'D10: the splices behind it are not dropped',
  },
  'splices-truncated': {
    ...whole,
    exit: 8,
    edits: 144,
    errors: [spliceError(143, 'Cannot decode splice: the value is cut short')],
    cures: 'D10: the splices behind it are not dropped',
  },
  'splices-gap': { ...whole, edits: 138, says: /The splice log of layer \w+ lacks 4 offsets/ },
  // configuration and model
  'module-missing': {
    ...whole,
    like: 'intact',
    says: /cell\.yaml names Python modules[\s\S]*nope\.mod/,
    except: /nope\.mod/,
  },
  'cellyaml-empty': { ...whole, like: 'intact', cures: 'D19', except: /^\{\}$|^null$/ },
  'cellyaml-old': { ...whole, cures: 'D16 D19: base options stay', except: /"auth:passwd":|^\{"axon"/ },
  'extmodel-bad': {
    ...whole,
    says: /ext prop \(nope:_x\) error: NoSuchForm[\s\S]*ext tag prop \(arr\) error: BadPropDef/,
  },
  noversioninfo: { ...whole, says: /Unable to read src cortex version/ },
  // options
  'addmode-editor': whole,
  'addmode-nexus': whole,
  nodelim: {
    exit: 0,
    nodes: [6, 6],
    nodedata: [2, 2],
    edits: 142,
    errors: [],
    cures: 'D4',
    except: /"nodes\\u0000chkpnt/,
  },
}

const cases: Record<string, { what: string; args: string[] }> = JSON.parse(
  readFileSync(fixture('bad/outcomes.json'), 'utf8'),
)
const intact = new Set(withoutNodeEdits(readLines(fixture('bad/intact/rc18.jsonl.gz'))))

for (const [name, { what, args }] of Object.entries(cases)) {
  test(`migrate_020 on a Cortex with ${what} (${name})`, (t) => {
    const expected = OUTCOMES[name]
    const dir = tempDir(t)
    const src = unpack(`bad/${name}/src.tar.gz`, join(dir, 'src'))
    const dest = join(dir, 'dest')
    const { status, stderr } = migrate('--src', src, '--dest', dest, ...args)
    assert.equal(status, expected.exit, stderr)
    if (expected.says !== undefined) assert.match(stderr, expected.says)
    if (expected.exit === 4) {
      assert.ok(!existsSync(join(dest, 'slabs')), 'refused before anything is written')
      return
    }
    const ours = dumpCortex(dest)
    const { exit, like, cures, except, says, ...counts } = expected
    assert.deepEqual(found(ours, expected), counts)
    assert.deepEqual(inconsistencies(ours), [])
    const reference = readLines(fixture(`bad/${like ?? name}/rc18.jsonl.gz`))
    const { unexplained } = compareDumps(steady(ours), steady(reference), [...DECISIONS, ...decisionsFor(expected)])
    assert.equal(unexplained.length, 0, report(unexplained))
  })
}

test('every damaged Cortex has an outcome', () => {
  assert.deepEqual(Object.keys(OUTCOMES).sort(), Object.keys(cases).sort())
  assert.equal(Object.keys(cases).length, 62)
})

function steady(dump: readonly string[]): string[] {
  return withoutNodeEdits(steadyTriggers(dump))
}

/** What may differ from the reference's rows: error rows, as the table has them, and what it cures. */
function decisionsFor({ errors = [], cures, except }: Outcome): Decision[] {
  const quarantined = errors.map(([, key]) => key).filter((key) => key.length === 64)
  const isLog = (d: Difference) => d.db === 'migr'
  return [
    { id: 'errors', covers: (d) => isLog(d) && errorRow(d.row) !== null },
    { id: 'except', covers: (d) => except?.test(d.row) ?? false },
    { id: 'D12', covers: tagPropTypes(['ok']).covers },
    {
      id: 'cured',
      covers: (d) =>
        cures !== undefined &&
        // nodes that the reference lost, as it migrates them where there is no damage
        ((d.side === 'ours' && intact.has(`${d.path}\t${d.db}\t${d.row}`)) ||
          // rows that it left of nodes that have failed
          (d.side === 'reference' && quarantined.some((buid) => d.row.includes(buid))) ||
          // names and counts, which inconsistencies() has checked
          /^(count:forms|\w+:(byts2abrv|abrv2byts))$/.test(d.db) ||
          (isLog(d) && /^\["(nodes|nodedata)\\u0000stat\\u0000/.test(d.row))),
    },
  ]
}

function found(dump: readonly string[], expected: Outcome): Partial<Outcome> {
  const rows = dump.map(parseLine)
  const log = rows.filter(({ db }) => db === 'migr').map(({ row }) => row)
  const counted = (step: string) => {
    const totals = log.filter((row) => new RegExp(`^\\["${step}\\\\u0000stat\\\\u0000\\w+:totnodes"`).test(row))
    const [[, [seen, stored]]] = totals.map((row) => JSON.parse(row))
    return [stored, seen] as const
  }
  const errors = log.map(errorRow).filter((error) => error !== null)
  return {
    nodes: counted('nodes'),
    nodedata: counted('nodedata'),
    edits: [...nodeEdits(dump).values()].flat().length,
    errors: errors.map(([step, key, mesg], i) => {
      const begins = expected.errors?.[i]?.[2]
      return [step, key, begins !== undefined && mesg.startsWith(begins) ? begins : mesg] as const
    }),
  }
}

/** Step, key and message of an error row of the migration log; null for any other row. */
function errorRow(row: string): [string, string, string] | null {
  const [key, value] = JSON.parse(row)
  const bytes = typeof key === 'string' ? Buffer.from(key) : Buffer.from(key.$b, 'hex')
  const first = bytes.indexOf(0)
  const second = bytes.indexOf(0, first + 1)
  if (bytes.subarray(first + 1, second).toString() !== 'error') return null
  const step = bytes.subarray(0, first).toString()
  const rest = bytes.subarray(second + 1)
  return [step, rest.toString(step.startsWith('node') ? 'hex' : 'utf8'), value.mesg ?? value.err ?? value]
}
