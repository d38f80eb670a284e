// msgpack of node rows: `node dist/bench/codec.bench.js`
import { decode, encode, skip } from '../src/bytes/msgpack.js'
import { report, SEED } from './report.js'
import { SyntheticNodes } from './synthetic-nodes.js'

const NODES = 5000
const nodes = new SyntheticNodes(NODES, SEED)
const values = Array.from({ length: NODES }, (_, i) => nodes.node(i)).flatMap(({ valu, props }) => [
  valu,
  ...props.map((prop) => prop.valu),
])
const packed = values.map((value) => encode(value))

await report(`msgpack, ${values.length} values of ${NODES} nodes`, 'value', [
  { name: 'decode', items: values.length, run: () => packed.forEach((bytes) => void decode(bytes)) },
  { name: 'skip', items: values.length, run: () => packed.forEach((bytes) => void skip(bytes, 0)) },
  { name: 'encode', items: values.length, run: () => values.forEach((value) => void encode(value)) },
])
