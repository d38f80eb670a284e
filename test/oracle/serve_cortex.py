'''
Serves a Cortex of any release on loopback, and runs what comes over standard input.

usage: serve_cortex.py DIR [PORT]      user root has the password secret

The first line of the output is {"port": PORT}. Each line of the input is a JSON object: {"storm": TEXT} answers with the list
of Storm messages, {"call": [METHOD, ARGS...]} with what a method of the Cortex
returns, {"listen": URL} with the port at which it listens besides. The end of the input is the end of the Cortex.
'''
import sys
import json
import asyncio
import logging
import inspect

import synapse.cortex as s_cortex

import patient

def plain(item):
    if isinstance(item, dict):
        return {str(k): plain(v) for (k, v) in item.items()}
    if isinstance(item, (list, tuple)):
        return [plain(i) for i in item]
    if isinstance(item, bytes):
        return item.hex()
    return item

async def done(item):
    return await item if inspect.isawaitable(item) else item

async def answer(core, todo):
    if 'storm' in todo:
        genr = core.storm if hasattr(core, 'storm') else core.streamstorm
        return [m async for m in await done(genr(todo['storm']))]
    if 'listen' in todo:
        bound = await core.dmon.listen(todo['listen'])
        return bound[1] if isinstance(bound, tuple) else bound
    name, *args = todo['call']
    return await done(getattr(core, name)(*args))

async def main(dirn, port):
    async with await s_cortex.Cortex.anit(dirn) as core:
        root = await done(core.auth.getUserByName('root'))
        await root.setPasswd('secret')
        if 'cortex' not in core.dmon.shared:
            core.dmon.share('cortex', core)
        bound = await core.dmon.listen(f'tcp://127.0.0.1:{port}/')
        print(json.dumps({'port': bound[1] if isinstance(bound, tuple) else bound}), flush=True)
        loop = asyncio.get_running_loop()
        while True:
            line = await loop.run_in_executor(None, sys.stdin.readline)
            if not line:
                return
            try:
                retn = {'ok': plain(await answer(core, json.loads(line)))}
            except Exception as e:
                retn = {'err': f'{type(e).__name__}: {e}'}
            print(json.dumps(retn, default=str), flush=True)

if __name__ == '__main__':
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
