'''
Writes every node of every view as a real Cortex (0.1.58, 2.0.0 or 2.256.0) reads it, one line each, sorted:

  ["<view>",[form,valu],{props},{tags},{"tag":{tagprops}},{nodedata}]     maps sorted by key

Node data is that of all layers of the view, those above hiding those below.
usage: <python of 01x, 200 or latest> -W ignore export_nodes.py DIR OUT.jsonl.gz     (starting changes DIR: give a copy)
'''
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import gzip
import asyncio
import logging

import synapse
import synapse.cortex as s_cortex

from canon import canon

def ordered(items):
    return dict(sorted(items))

async def root(core):
    user = core.auth.getUserByName('root')
    return await user if asyncio.iscoroutine(user) else user

async def nodes(core, view):
    old = synapse.version < (0, 2, 0)
    async with await core.snap(user=await root(core), view=view) as snap:
        for name in sorted(core.model.forms):
            if core.model.form(name).isrunt:
                continue
            seen = set()
            async for node in (snap.getNodesBy(name) if old else snap.nodesByProp(name)):
                if node.buid in seen:  # a fork lifts a node once per layer
                    continue
                seen.add(node.buid)
                yield node

async def nodedata(view, node):
    data = {}
    for layer in reversed(view.layers):
        async for name, valu in layer.iterNodeData(node.buid):
            data[name] = valu
    return data

async def main(dirn, path):
    lines = []
    async with await s_cortex.Cortex.anit(dirn) as core:
        for iden, view in core.views.items():
            async for node in nodes(core, view):
                ndef, info = node.pack()
                tagprops = {tag: ordered(dict(props).items()) for tag, props in (info.get('tagprops') or {}).items()}
                parts = (ordered(info['props'].items()), ordered(info['tags'].items()), ordered(tagprops.items()), ordered((await nodedata(view, node)).items()))
                lines.append(canon((iden, ndef) + parts))
    with gzip.GzipFile(path, 'wb', mtime=0) as fd:
        for line in sorted(lines):
            fd.write(line.encode() + b'\n')
    print(len(lines), 'nodes read by', synapse.verstring)

if __name__ == '__main__':  # 2.256.0 starts processes that import this file
    logging.disable(logging.ERROR)
    asyncio.run(main(*sys.argv[1:]))
