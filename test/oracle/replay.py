'''
Plays the edit log of each layer of a 2.0.0 Cortex into an empty layer and compares what the two hold. One JSON object:
{layer: {"rows": <log rows>, "nodes": <nodes>, "only layer": [...], "only replay": [...]}}.

usage: <python of 200> -W ignore replay.py DIR     (it changes DIR: give a copy)
'''
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import json
import asyncio
import logging

import synapse.cortex as s_cortex

from canon import canon

async def held(layer):
    '''Each edit that makes the layer's nodes, as text.'''
    found = set()
    async for buid, form, edits in layer.iterLayerNodeEdits():
        found |= {canon((buid, form, edit)) for edit in edits}
    return found

async def replay(core, layer):
    log = [item for _, item in layer.nodeeditlog.iter(0)]
    empty = core.getLayer((await core.addLayer())['iden'])
    for edits, meta in log:
        await empty.storNodeEditsNoLift(edits, meta)
    old, new = await held(layer), await held(empty)
    nodes = len({item.split(',')[0] for item in old})
    return {'rows': len(log), 'nodes': nodes, 'only layer': sorted(old - new), 'only replay': sorted(new - old)}

async def main(dirn):
    async with await s_cortex.Cortex.anit(dirn) as core:
        print(json.dumps({layer.iden: await replay(core, layer) for layer in list(core.layers.values()) if layer.nodeeditlog.last()}))

if __name__ == '__main__':
    logging.disable(logging.ERROR)
    asyncio.run(main(sys.argv[1]))
