'''
Writes the types and forms that a custom module adds, as `--model` of migrate_020 reads them.

usage: <python of 0.1.58 or later, with the module> -W ignore export_model.py MODULE.CLASS > model.json
'''
import sys
import json

import synapse.datamodel as s_datamodel
import synapse.lib.dyndeps as s_dyndeps
import synapse.lib.modules as s_modules

def load(paths):
    model = s_datamodel.Model()
    model.addDataModels([mdef for path in paths for mdef in s_dyndeps.tryDynLocal(path).getModelDefs(None)])
    return model

def main(path):
    core = load(s_modules.coremods)
    full = load(s_modules.coremods + (path,))
    types = {name: item for name, item in full.types.items() if name not in core.types}
    forms = {}
    for name, form in full.forms.items():
        known = core.forms[name].props if name in core.forms else None
        props = {prop.name: {'typedef': prop.typedef} for prop in form.props.values() if not prop.name.startswith('.') and prop.name not in (known or ())}
        if props or known is None:
            forms[name] = {'props': props}
    print(json.dumps({
        'module': path,
        'types': {name: {'ctor': '%s.%s' % (type(item).__module__, type(item).__name__), 'subof': item.subof, 'opts': item.opts} for name, item in types.items()},
        'forms': forms,
    }, indent=1, sort_keys=True))

if __name__ == '__main__':
    main(sys.argv[1])
