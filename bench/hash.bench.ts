// Hashes of spans of the sizes that nodes have: `node dist/bench/hash.bench.js`
import { buid, guid, md5Hex, sha256, sha256Into } from '../src/bytes/hash.js'
import { xxh64 } from '../src/bytes/xxh64.js'
import { generator, report, SEED } from './report.js'
import { SyntheticNodes } from './synthetic-nodes.js'

const SPANS = 1000
const random = generator()
const out = Buffer.alloc(32)
const spans = (bytes: number) =>
  Array.from({ length: SPANS }, () => Buffer.from(Array.from({ length: bytes }, () => random(256))))
const cases = [40, 256, 4096].flatMap((bytes) => {
  const data = spans(bytes)
  const over = (name: string, hash: (span: Buffer) => unknown) => ({
    name: `${name}, ${bytes} bytes`,
    items: SPANS,
    run: () => {
      for (const span of data) hash(span)
    },
  })
  return [
    over('sha256', sha256),
    over('sha256Into', (span) => sha256Into(span, out, 0)),
    over('md5Hex', md5Hex),
    over('xxh64', xxh64),
  ]
})
const nodes = new SyntheticNodes(SPANS, SEED)
const ndefs = Array.from({ length: SPANS }, (_, i) => nodes.ndef(i))

await report(`hashes, ${SPANS} spans`, 'hash', [
  ...cases,
  { name: 'buid of an ndef', items: SPANS, run: () => ndefs.forEach((ndef) => void buid(ndef)) },
  { name: 'guid of an ndef', items: SPANS, run: () => ndefs.forEach((ndef) => void guid(ndef)) },
])
