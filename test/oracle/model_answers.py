'''
Writes what a Cortex with example_mod answers to getModelDefs() and getModelDict(), of names that start with ex: or inet:fqdn.

usage: <python of any release> -W ignore model_answers.py DIR > answers.json     DIR: a new directory
'''
import os
import sys
import json
import asyncio

import synapse.cortex as s_cortex

KEPT = ('ex:', 'inet:fqdn')

def is_kept(name):
    return name.startswith(KEPT)

def kept_defs(mdef):
    rows = lambda key: [row for row in mdef.get(key, ()) if is_kept(row[0])]
    return {key: rows(key) for key in ('ctors', 'types', 'forms')}

def kept_dict(mdict):
    kept = {key: {name: item for name, item in mdict[key].items() if is_kept(name)} for key in ('types', 'forms')}
    return {**kept, 'tagprops': mdict['tagprops']}

async def main(dirn):
    os.makedirs(dirn)
    with open(os.path.join(dirn, 'cell.yaml'), 'w') as fd:
        fd.write('modules:\n  - example_mod.ExampleModule\n')
    async with await s_cortex.Cortex.anit(dirn) as core:
        defs = [[name, kept_defs(mdef)] for name, mdef in await core.getModelDefs()]
        answers = {'defs': [item for item in defs if any(item[1].values())], 'dict': kept_dict(await core.getModelDict())}
    json.dump(answers, sys.stdout, sort_keys=True)
    print()

if __name__ == '__main__':
    asyncio.run(main(sys.argv[1]))
