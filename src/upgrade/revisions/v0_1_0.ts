import type { Value } from '../../bytes/msgpack.js'
import type { Form, Model } from '../../model/model.js'
import type { LayerRevision, Ndef } from '../revision.js'

/** Forms of Synapse 0.0.x that 0.1.0 moved into a namespace. */
export const RENAMED: ReadonlyMap<string, string> = new Map([
  ['seen', 'meta:seen'],
  ['source', 'meta:source'],
  ['has', 'edge:has'],
  ['refs', 'edge:refs'],
  ['wentto', 'edge:wentto'],
  ['event', 'graph:event'],
  ['cluster', 'graph:cluster'],
  ['graph:link', 'graph:edge'],
  ['graph:timelink', 'graph:timeedge'],
])

/** Forms get namespaces. Their nodes get other buids, and so do nodes that refer to them in their own value. */
export const v0_1_0: LayerRevision = {
  version: [0, 1, 0],
  what: 'the names of nine forms (seen to meta:seen, refs to edge:refs and so on) and every value that names one',
  *touches(model) {
    const before = new Map([...RENAMED].map(([from, to]) => [to, from]))
    for (const form of model.forms.values()) {
      const name = before.get(form.name) ?? form.name
      if (name !== form.name || form.type.holdsNdefs) yield [name, '']
      for (const prop of propsWithNdefs(form)) {
        yield [name, prop]
        if (form.props.has(`${prop}:form`)) yield [name, `${prop}:form`]
      }
    }
  },
  ndef: renamed,
  prop(model, form, name, valu) {
    const props = model.forms.get(form)?.props
    const prop = props?.get(name)
    if (prop?.type.holdsNdefs) return [name, mapped(model, prop.type, valu)]
    const isFormOf = name.endsWith(':form') && props?.get(name.slice(0, -':form'.length))?.type.holdsNdefs
    return [name, isFormOf && typeof valu === 'string' ? (RENAMED.get(valu) ?? valu) : valu]
  },
}

/** Whether a form's own value, or one of its props, refers to other nodes. */
export function holdsNdefs(form: Form): boolean {
  return form.type.holdsNdefs || propsWithNdefs(form).length > 0
}

function propsWithNdefs(form: Form): string[] {
  return [...form.props.values()].filter(({ type }) => type.holdsNdefs).map(({ name }) => name)
}

function renamed(model: Model, [form, valu]: Ndef): Ndef {
  const name = RENAMED.get(form) ?? form
  const type = model.forms.get(name)?.type
  return [name, type?.holdsNdefs ? mapped(model, type, valu) : valu]
}

function mapped(model: Model, type: { mapNdefs: NdefMapper }, valu: Value): Value {
  return type.mapNdefs(valu, (form, inner) => renamed(model, [form, inner]))
}

type NdefMapper = (value: Value, map: (form: string, valu: Value) => Ndef) => Value
