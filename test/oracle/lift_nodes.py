"""Opens a Cortex of 0.1.58 and lifts its nodes in every way an index allows.

usage: lift_nodes.py CORTEX

Prints one JSON object: nodes lifted by form, and how many of the lifts by a value did not give back the node.
"""
import asyncio
import json
import sys

import synapse.cortex as s_cortex

SAMPLE = 40


async def main(path):
    lifted, lost, lifts = {}, [], 0
    async with await s_cortex.Cortex.anit(path) as core:
        async with await core.snap() as snap:
            for form in core.model.forms:
                nodes = [node async for node in snap.getNodesBy(form)] if not form.startswith('syn:') or form == 'syn:tag' else []
                if not nodes:
                    continue
                lifted[form] = len(nodes)
                for node in nodes[::max(1, len(nodes) // SAMPLE)]:
                    for lift in ways(node):
                        lifts += 1
                        try:
                            if not any([found.buid == node.buid async for found in snap.getNodesBy(*lift)]):
                                lost.append([node.ndef, lift])
                        except Exception as e:
                            lost.append([node.ndef, lift, repr(e)])
                    for tag, name in node.tagprops:
                        lifts += 1
                        if not any([found.buid == node.buid async for found in tagprop(snap, node, tag, name)]):
                            lost.append([node.ndef, tag, name])
        print(json.dumps({'lifted': lifted, 'counts': core.counts, 'lifts': lifts, 'lost': lost[:20], 'lostCount': len(lost)}))


def ways(node):
    """Arguments of getNodesBy."""
    yield node.ndef
    for name, valu in node.props.items():
        if name.startswith('.'):
            yield name, valu
        if isinstance(valu, str) and (len(valu) > 200 or not valu):
            continue
        yield (node.form.name + (name if name.startswith('.') else ':' + name)), valu
    for tag in node.tags:
        yield '#' + tag,
        yield node.form.name + '#' + tag,


def tagprop(snap, node, tag, name):
    return snap._getNodesByTagProp(name, tag=tag, form=node.form.name)


if __name__ == '__main__':
    asyncio.get_event_loop().run_until_complete(main(sys.argv[1]))
