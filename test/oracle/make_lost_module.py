"""Makes a Cortex of 0.1.58 whose nodes are of example_mod.py, with extensions of its forms: what is left when a module is lost.

usage: PYTHONPATH=test/oracle make_lost_module.py DEST
"""
import asyncio
import os
import random
import shutil
import sys
import tempfile

import synapse.common as s_common
import synapse.cortex as s_cortex
import synapse.tools.backup as s_backup

NODES = 24

def case(i):
    return {
        'label': f'Case {i}',
        'grade': (1, 5, 9)[i % 3],
        'ports': (i + 1, 443, 80),
        'open': (1400000000000 + i * 86400000, 1450000000000 + i),
        'site': (i * 1.5 - 10, i * 3.25),
        'key': '%016x' % (i * 7919),
        'notes': {'i': i},
        '_at': 1500000000000 + i * 1000,
        '_boss': f'Label {i + 1}',
    }

async def fill(core):
    await core.addFormProp('ex:case', '_at', ('time', {}), {})
    await core.addFormProp('ex:case', '_boss', ('ex:label', {}), {})
    await core.addTagProp('level', ('ex:grade', {}), {})
    async with await core.snap() as snap:
        cases = [s_common.guid(('case', i)) for i in range(NODES)]
        for i in range(NODES):
            node = await snap.addNode('ex:case', cases[i], case(i))
            await node.addTag('rep.case')
            await node.setTagProp('rep.case', 'level', (1, 5, 9)[i % 3])
            await snap.addNode('ex:port', 1000 + i, {'proto': ('tcp', 'udp')[i % 2]})
            await snap.addNode('ex:contact', (f'Label {i}', f'user{i}@Example.com'), {'since': 1300000000000 + i})
            await snap.addNode('ex:about', (('ex:case', cases[i]), ('inet:fqdn', f'f{i}.example.com')))

async def main(dest):
    random.seed(1)
    with tempfile.TemporaryDirectory() as temp:
        src = os.path.join(temp, 'src')
        os.makedirs(src)
        with open(os.path.join(src, 'cell.yaml'), 'w') as fd:
            fd.write('modules:\n  - example_mod.ExampleModule\n')
        async with await s_cortex.Cortex.anit(src) as core:
            await fill(core)
        s_backup.backup(src, dest)
    shutil.rmtree(os.path.join(dest, 'axon'), ignore_errors=True)

if __name__ == '__main__':
    asyncio.get_event_loop().run_until_complete(main(sys.argv[1]))
