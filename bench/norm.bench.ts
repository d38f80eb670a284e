// Norms of the commonest types: `node dist/bench/norm.bench.js`
import type { Value } from '../src/bytes/msgpack.js'
import { Model } from '../src/model/model.js'
import type { Type } from '../src/model/type.js'
import { report, SEED } from './report.js'
import { SyntheticNodes } from './synthetic-nodes.js'

const NODES = 20_000
const TYPES = 15
const model = Model.core()
const nodes = new SyntheticNodes(NODES, SEED)
const valuesOf = new Map<Type, Value[]>()
for (let i = 0; i < NODES; i++) {
  const { form, valu, props } = nodes.node(i)
  const known = model.forms.get(form)
  add(known?.type, valu)
  for (const prop of props) add(known?.props.get(prop.name)?.type, prop.valu)
}
const commonest = [...valuesOf].sort(([, a], [, b]) => b.length - a.length).slice(0, TYPES)

const title = `the ${TYPES} commonest types of ${NODES} nodes`
await report(`keeps(): is a stored value a norm, ${title}`, 'value', casesOf('keeps'))
await report(`normValue(), ${title}`, 'value', casesOf('normValue'))

function add(type: Type | undefined, value: Value): void {
  if (type === undefined) return
  const values = valuesOf.get(type)
  if (values === undefined) valuesOf.set(type, [value])
  else values.push(value)
}

function casesOf(method: 'keeps' | 'normValue') {
  return commonest.map(([type, values]) => ({
    name: `${type.name} ${JSON.stringify(type.opts)}`.slice(0, 50),
    items: values.length,
    run: () => {
      for (const value of values) type[method](value)
    },
  }))
}
