"""Makes a Cortex of 0.1.58 without nodes: one layer, one view, the tag prop `risk`. The layer's slabs are left out.

usage: make_empty_cortex.py DEST
"""
import asyncio
import os
import shutil
import sys
import tempfile

import synapse.cortex as s_cortex
import synapse.tools.backup as s_backup


async def main(dest):
    with tempfile.TemporaryDirectory() as temp:
        async with await s_cortex.Cortex.anit(os.path.join(temp, 'src')) as core:
            await core.addTagProp('risk', ('int', {}), {'doc': 'how bad'})
        s_backup.backup(os.path.join(temp, 'src'), dest)
    for iden in os.listdir(os.path.join(dest, 'layers')):
        for name in os.listdir(os.path.join(dest, 'layers', iden)):
            if name.endswith('.lmdb'):
                shutil.rmtree(os.path.join(dest, 'layers', iden, name))
    shutil.rmtree(os.path.join(dest, 'axon'), ignore_errors=True)


if __name__ == '__main__':
    asyncio.get_event_loop().run_until_complete(main(sys.argv[1]))
