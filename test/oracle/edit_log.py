'''
Starts a Cortex of 2.x, reads the edit log of each layer, makes ten edits in each view and reads the logs again, all through
the release's own API. One JSON object: {"before": {layer: [row, ...]}, "after": {...}}, rows as canonical text
`[offset,edits,meta]` of canon.py (meta where the release hands it out).

usage: <python of 200, 280 or latest> -W ignore edit_log.py DIR     (it changes DIR: give a copy)
'''
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import json
import asyncio
import logging

import synapse.cortex as s_cortex

from canon import canon

EDITS = 10

async def rows(layer):
    if hasattr(layer, 'iterNodeEditLog'):
        return [canon(item) async for item in layer.iterNodeEditLog()]
    edits = [item async for item in layer.syncNodeEdits(0, wait=False)]
    metas = [meta for _, (_, meta) in layer.nodeeditlog.iter(0)]
    return [canon(tuple(item) + (meta,)) for item, meta in zip(edits, metas)]

async def logs(core):
    return {iden: await rows(layer) for iden, layer in core.layers.items()}

async def main(dirn):
    async with await s_cortex.Cortex.anit(dirn) as core:
        before = await logs(core)
        for view in core.views.values():
            for i in range(EDITS):
                await core.nodes('[ it:dev:str=$valu ]', opts={'view': view.iden, 'vars': {'valu': 'edit %d of %s' % (i, view.iden)}})
        print(json.dumps({'before': before, 'after': await logs(core)}))

if __name__ == '__main__':  # 2.256.0 starts processes that import this file
    logging.disable(logging.ERROR)
    asyncio.run(main(sys.argv[1]))
