'''
Serves a real Cortex (any release) on 127.0.0.1 and does what it is told: one JSON array per line on stdin, one JSON value per line back.

  ["change", seed, count]   at least count more splices of all kinds, in three layers (0.1.58 only): how many it were
  ["export", path]          every layer's rows but node data and edges, one line each, sorted: their number
  ["splices"]               splices by layer (0.1.58 only)
  ["storm", text]           the messages printed, joined; warnings and errors as well
  ["counts"]                {"mode": whether triggers and cron jobs are off}
  ["kinds"]                 splices by their type (0.1.58 only)
  ["call", method, ...]     what a method of the Cortex returns
  ["passwd", text]          sets the password of root

A line of an export: ["<layer>","<buid>","form|prop|tag|tagprop",name,value]. The first line written is {"port": N}.
usage: <python of 01x, 200, 280 or latest> -W ignore changing_cortex.py DIR PORT     (changes DIR: give a copy; PORT 0: any)
Ends on SIGTERM as on the end of stdin, both without damage. On SIGUSR1 it kills itself, but never between the write of a node and
that of its splices.
'''
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ['PYTHONHASHSEED'] = '0'  # gen_cortex would start the process anew for it

import gzip
import json
import random
import signal
import asyncio
import logging

import synapse
import synapse.common as s_common
import synapse.cortex as s_cortex

import patient
from canon import canon, un

OLD = synapse.version < (0, 2, 0)

# --- 0.1.58 ---

def commit_together():
    '''
    0.1.58 commits each of its slabs by itself, so that a killed one may have nodes without their splices, of which no reader of
    splices can know. Here all slabs commit between two writes.
    '''
    import weakref
    from synapse.lib.lmdbslab import Slab
    slabs = weakref.WeakSet()
    init = Slab.__anit__

    async def anit(self, *args, **kwargs):
        await init(self, *args, **kwargs)
        slabs.add(self)

    async def once(self):
        alive = [slab for slab in slabs if not slab.isfini]
        for slab in alive:
            await slab.fire('commit')
        for slab in alive:
            if not slab.isfini:
                slab.forcecommit()

    Slab.__anit__ = anit
    Slab._syncLoopOnce = once

class Changes:
    '''Random changes of all eight kinds of splices, by the same means that made the Cortex.'''

    def __init__(self, core, seed):
        import gen_cortex
        self.gen = gen_cortex
        opts = type('Opts', (), {'nodes': 0, 'module': False, 'seed': seed})
        self.builder = gen_cortex.Builder(core, opts)
        self.core = core
        self.rand = random.Random(seed)

    async def prepare(self):
        views = list(self.core.views.values())
        self.views = sorted((v for v in views if v.layers[0].splicelog.index() > 0), key=lambda v: len(v.layers))
        for name in ('ann', 'ben'):
            self.builder.users[name] = self.core.auth.getUserByName(name)

    def logged(self):
        return sum(view.layers[0].splicelog.index() for view in self.views)

    async def make(self, count):
        import synapse.lib.provenance as s_provenance
        start = self.logged()
        forms = sorted(f.name for f in self.core.model.forms.values() if not f.isrunt)
        while self.logged() - start < count:
            view = self.rand.choice(self.views)
            with s_provenance.claim('storm', q='change %d' % self.rand.randrange(20), user=self.builder.users['ann'].iden):
                names = [self.rand.choice(self.gen.COMMON if self.rand.random() < .7 else forms) for _ in range(4)]
                await self.builder.fill(view, names)
                await self.old(view)
            await asyncio.sleep(0)
        return self.logged() - start

    async def old(self, view):
        '''Changes nodes that are there already, often the same ones again.'''
        layr = view.layers[self.rand.randrange(len(view.layers))]
        buids = self.known.get(layr.iden)
        if buids is None or self.rand.random() < .01:
            buids = self.known[layr.iden] = sorted({key[:32] for key, _ in layr.layrslab.scanByFull(db=layr.bybuid)})
        async with await self.core.snap(view=view, user=self.builder.users['ann']) as snap:
            snap.strict = False
            for buid in self.rand.sample(buids, min(3, len(buids))):
                node = await snap.getNodeByBuid(buid)
                if node is None:
                    continue
                await self.builder.decorate(node, often=2)
                if node.tags and self.rand.random() < .5:
                    tag = self.rand.choice(sorted(node.tags))
                    await node.setTagProp(tag, 'risk', self.rand.choice((0, 5, 99)))
                    if self.rand.random() < .5:
                        await node.delTag(tag)
                if self.rand.random() < .6:
                    await self.builder.change(node)

    known = {}

def oldrows(layr):
    for key, byts in layr.layrslab.scanByFull(db=layr.bybuid):
        buid, name = key[:32].hex(), key[32:].decode('utf8', 'surrogatepass')
        valu = un(byts)[0]
        if name.startswith('*'):
            yield buid, 'form', name[1:], valu
        elif name.startswith('#'):
            tag, _, prop = name[1:].partition(':')
            yield (buid, 'tagprop', '%s:%s' % (tag, prop), valu) if prop else (buid, 'tag', tag, valu)
        else:
            yield buid, 'prop', name, valu

# --- 2.x ---

async def newrows(layr):
    async for buid, form, edits in layr.iterLayerNodeEdits():
        buid = buid.hex()
        for kind, info, _ in edits:
            if kind == 0:
                yield buid, 'form', form, info[0]
            elif kind == 2:
                yield buid, 'prop', info[0], info[1]
            elif kind == 4:
                yield buid, 'tag', info[0], info[1]
            elif kind == 6:
                yield buid, 'tagprop', '%s:%s' % (info[0], info[1]), info[2]

async def storm(core, text):
    said = []
    async for name, info in (core.streamstorm if OLD else core.storm)(text):
        if name == 'print':
            said.append(info['mesg'])
        elif name in ('warn', 'err'):
            said.append('%s: %s' % (name, info))
    return '\n'.join(said)

# --- commands ---

def rehashed(rows):
    '''
    0.1.58 stores some inet:client and inet:server nodes of host:// addresses under the buid of another value; splices name
    the value, so the sync makes them a node of that value's own buid.
    '''
    buids = {buid: s_common.buid((name, valu)).hex() for buid, kind, name, valu in rows if kind == 'form'}
    return [(buids.get(buid, buid), *rest) for buid, *rest in rows]

async def export(core, path):
    lines = []
    for iden, layr in core.layers.items():
        if OLD:
            rows = list(oldrows(layr))
        else:
            rows = [row async for row in newrows(layr)]
        lines.extend(canon([iden, *row]) for row in rehashed(rows))
    with gzip.open(path, 'wt') as fd:
        for line in sorted(lines):
            fd.write(line + '\n')
    return len(lines)

async def command(core, name, *args):
    if name == 'change':
        changes = Changes(core, args[0])
        await changes.prepare()
        return await changes.make(args[1])
    if name == 'export':
        return await export(core, *args)
    if name == 'splices':
        return {iden: layr.splicelog.index() for iden, layr in core.layers.items()}
    if name == 'storm':
        return await storm(core, *args)
    if name == 'counts':
        return {'mode': not core.trigson and not core.agenda.enabled}
    if name == 'kinds':
        kinds = {}
        for layr in core.layers.values():
            for _, (kind, _) in layr.splicelog.iter(0):
                kinds[kind] = kinds.get(kind, 0) + 1
        return kinds
    if name == 'call':
        retn = getattr(core, args[0])(*args[1:])
        return await retn if asyncio.iscoroutine(retn) else retn
    if name == 'passwd':
        user = core.auth.getUserByName('root')
        await (await user if asyncio.iscoroutine(user) else user).setPasswd(*args)
        return True
    raise ValueError(name)

async def main(dirn, port):
    if OLD:
        commit_together()
    core = await s_cortex.Cortex.anit(dirn)
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_signal_handler(signal.SIGUSR1, os.kill, os.getpid(), signal.SIGKILL)
    try:
        _, port = await core.dmon.listen('tcp://127.0.0.1:%s/' % port)
        print(json.dumps({'port': port}), flush=True)
        reader = asyncio.StreamReader(limit=2 ** 24)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        ended = asyncio.ensure_future(over.wait())
        while True:
            line = asyncio.ensure_future(reader.readline())
            await asyncio.wait([line, ended], return_when=asyncio.FIRST_COMPLETED)
            if over.is_set() or not line.result():
                break
            try:
                answer = await command(core, *json.loads(line.result()))
            except Exception as e:
                logging.exception('failed')
                answer = {'error': repr(e)}
            print(json.dumps(answer), flush=True)
    finally:
        await core.fini()

if __name__ == '__main__':
    asyncio.run(main(*sys.argv[1:]))
