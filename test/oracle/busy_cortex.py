'''
Runs a 0.1.58 Cortex that adds nodes, it:dev:str="busy <n>" for n from 0 on, until its standard input ends. Prints "ready" when
it has begun, at last how many nodes it has added and how many of them it finds.

usage: <python of 01x> -W ignore busy_cortex.py DIR
'''
import sys
import asyncio
import logging

import synapse.cortex as s_cortex

PAUSE = .002

async def main(dirn):
    async with await s_cortex.Cortex.anit(dirn) as core:
        ended = asyncio.get_event_loop().run_in_executor(None, sys.stdin.read)
        for layer in core.layers.values():
            layer.spliceslab.COMMIT_PERIOD = .02  # each slab has a clock of its own: here the splices are always ahead
        count = 0
        async with await core.snap() as snap:
            while not ended.done():
                await snap.addNode('it:dev:str', 'busy %d' % count)
                count += 1
                if count == 50:
                    print('ready', flush=True)
                await asyncio.sleep(PAUSE)
        found = [node async for node in core.eval('it:dev:str^="busy "')]
        print(count, len(found))

if __name__ == '__main__':
    logging.disable(logging.ERROR)
    asyncio.run(main(sys.argv[1]))
