'''
Writes src/model/data/core.json: the types, forms and universal properties of the core data model, without texts.

usage: <python with synapse 0.2.0rc18> -W ignore test/oracle/make_model.py src/model/data/core.json

types: name -> [class, parent or null, options that are not the class's defaults]; forms: name -> {prop: [type, options]}.
'''
import sys
import json

import synapse.datamodel as s_datamodel
import synapse.lib.modules as s_modules
import synapse.lib.dyndeps as s_dyndeps

def defaults(cls):
    retn = {}
    for base in reversed(cls.__mro__):
        retn.update(dict(getattr(base, '_opt_defs', ())))
    return retn

def plain(valu):
    if isinstance(valu, float):
        return {'$f': repr(valu)}
    if isinstance(valu, dict):
        return {k: plain(v) for k, v in valu.items()}
    return [plain(v) for v in valu] if isinstance(valu, (tuple, list)) else valu

def main(path):
    model = s_datamodel.Model()
    mdefs = []
    for mod in s_modules.coremods:
        mdefs.extend(s_dyndeps.tryDynLocal(mod).getModelDefs(None))
    model.addDataModels(mdefs)

    types = {}
    for name, item in model.types.items():
        defs = defaults(type(item))
        opts = {k: v for k, v in item.opts.items() if k not in defs or defs[k] != v}
        types[name] = [type(item).__name__, item.subof, plain(opts)]

    forms = {}
    for name, form in model.forms.items():
        forms[name] = {p.name: plain(p.typedef) for p in form.props.values() if not p.name.startswith('.')}

    univs = {name: prop.typedef for name, prop in model.univs.items()}
    doc = {'types': types, 'univs': univs, 'forms': forms}
    with open(path, 'w') as fd:
        lines = []
        for part, items in doc.items():
            rows = [f'  {json.dumps(k)}: {json.dumps(v, separators=(",", ":"))}' for k, v in items.items()]
            lines.append(f' {json.dumps(part)}: {{\n' + ',\n'.join(rows) + '\n }')
        fd.write('{\n' + ',\n'.join(lines) + '\n}\n')

main(sys.argv[1])
