'''
Makes calls with the telepath client of a release, and prints a JSON list of what each one gave.

usage: telepath_client.py URL CALLS      CALLS: JSON list of [method, args, kwargs]
'''
import sys
import json
import asyncio

import synapse.exc as s_exc
import synapse.telepath as s_telepath

def plain(item):
    if isinstance(item, dict):
        return {str(k): plain(v) for (k, v) in item.items()}
    if isinstance(item, (list, tuple)):
        return [plain(i) for i in item]
    if isinstance(item, bytes):
        return item.hex()
    return item

def failure(e):
    info = {k: v for (k, v) in getattr(e, 'errinfo', {}).items() if k not in ('efile', 'eline', 'esrc', 'ename', 'etb')}
    return {'exc': type(e).__name__, 'info': plain(info)}

async def main(url, calls):
    retn = []
    try:
        async with await s_telepath.openurl(url) as proxy:
            for (meth, args, kwargs) in calls:
                try:
                    retn.append({'ok': plain(await getattr(proxy, meth)(*args, **kwargs))})
                except Exception as e:
                    retn.append(failure(e))
    except Exception as e:
        retn.append(failure(e))
    print(json.dumps(retn))

if __name__ == '__main__':
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
