'''
Fills a Cortex of any release from 0.0.x to 0.1.58 with nodes that later releases rename or norm, and with whatever else
the release knows: what it refuses is left out and told.

usage: <python of that release> -W ignore gen_old_cortex.py DEST [--nodes N] [--seed S] [--old-names]

--old-names makes one as before 0.1.0, of which no release can be installed any more: nine forms bear the names that they
had, and the layers the model version of that time.
'''
import sys
import random
import asyncio
import argparse
import hashlib
import logging

logging.disable(logging.ERROR)

import synapse
import synapse.cortex as s_cortex


def guid(*parts):
    return hashlib.md5(repr(parts).encode()).hexdigest()


NEW = 'meta:seen meta:source edge:has edge:refs edge:wentto graph:event graph:cluster graph:edge graph:timeedge'.split()
OLD = 'seen source has refs wentto event cluster graph:link graph:timelink'.split()


def oldnames(item):
    if isinstance(item, str):
        return OLD[NEW.index(item)] if item in NEW else item
    if isinstance(item, (list, tuple)):
        return tuple(oldnames(i) for i in item)
    if isinstance(item, dict):
        return {k: oldnames(v) for k, v in item.items()}
    return item


def nameasold():
    import synapse.datamodel as s_datamodel
    add = s_datamodel.Model.addDataModels
    # 0.1.0 allows no form without a namespace any more
    s_datamodel.s_syntax.isFormName = lambda name: True
    s_datamodel.Model.addDataModels = lambda self, mods: add(self, oldnames(mods))


class Writer:

    def __init__(self, core, seed):
        self.core = core
        self.rnd = random.Random(seed)
        self.done = 0
        self.refused = []
        new = core.model.form('meta:source') is not None
        self.names = dict(zip(NEW, NEW if new else OLD))

    async def storm(self, text, vals=None):
        # quoted by Storm's own rules: every value is a plain word, a number or a text in double quotes
        try:
            async for _ in self.core.eval(text):
                pass
            self.done += 1
        except Exception as e:
            self.refused.append((text, repr(e)[:200]))

    async def add(self, form, valu, props=None, tags=()):
        form = self.names.get(form, form)
        try:
            snap = await self.core.snap()
            async with snap:
                node = await snap.addNode(form, valu, props=props)
                for tag in tags:
                    await node.addTag(tag, valu=self.times())
            self.done += 1
        except Exception as e:
            self.refused.append((form, repr(valu)[:60], repr(e)[:200]))

    def times(self):
        start = 1400000000000 + self.rnd.randrange(10 ** 11)
        return (None, None) if self.rnd.random() < 0.5 else (start, start + 86400000)

    def ndef(self, form, valu):
        return (self.names.get(form, form), valu)

    async def fill(self, count):
        rnd = self.rnd
        tags = ['foo', 'foo.bar', 'cno.threat.t%d' % rnd.randrange(9), 'rep.vt.x']
        for i in range(count):
            src = guid('source', i, rnd.random())
            org = guid('org', i, rnd.random())
            person = guid('person', i, rnd.random())
            fqdn = 'host%d.example%d.com' % (i, rnd.randrange(50))
            ipv4 = 0x05000000 + rnd.randrange(1 << 20)
            await self.add('meta:source', src, {'name': 'Source %d' % i, 'type': 'osint'}, tags[:rnd.randrange(3)])
            await self.add('inet:fqdn', fqdn, {}, tags[:rnd.randrange(4)])
            await self.add('inet:ipv4', ipv4, {'asn': rnd.randrange(1, 70000)}, tags[:1])
            await self.add('inet:dns:a', (fqdn, ipv4), {'.seen': (1500000000000, 1500000000000 + i * 1000 + 1)})
            await self.add('meta:seen', (src, ('inet:fqdn', fqdn)), {}, tags[:1])
            await self.add('meta:seen', (src, self.ndef('meta:source', src)))
            await self.add('edge:refs', (self.ndef('meta:source', src), ('inet:fqdn', fqdn)), {}, tags[1:2])
            await self.add('edge:refs', (('inet:fqdn', fqdn), self.ndef('edge:refs', (self.ndef('meta:source', src), ('inet:fqdn', fqdn)))))
            await self.add('edge:has', (('ou:org', org), ('inet:fqdn', fqdn)))
            await self.add('edge:wentto', (('ps:person', person), ('inet:fqdn', fqdn), 1500000000000 + i))
            await self.add('graph:cluster', guid('cluster', i, rnd.random()), {'name': 'c%d' % i, 'type': 'x.y'})
            await self.add('graph:event', guid('event', i, rnd.random()), {'name': 'e%d' % i, 'time': 1500000000000 + i})
            await self.add('graph:edge', (self.ndef('graph:cluster', guid('cluster', i)), ('inet:ipv4', ipv4)))
            await self.add('graph:timeedge', (self.ndef('graph:event', guid('event', i)), ('inet:ipv4', ipv4), 1400000000000 + i))
            dissolved = 'disolved' if self.core.model.prop('ou:org:disolved') is not None else 'dissolved'
            await self.add('ou:org', org, {'name': 'Org %d' % i, dissolved: 1500000000000 + i, 'url': 'http://%s/x' % fqdn}, tags[:2])
            address = ['  12 Main   Street ', 'MIXED Case Way 5', 'plain address 7'][rnd.randrange(3)]
            await self.add('ps:contact', guid('contact', i, rnd.random()), {'address': address, 'org': org, 'name': 'A B'}, tags[:1])
            await self.add('ps:person', person, {'name': 'Person %d' % i})
            await self.add('ou:org:has', (org, ('inet:fqdn', fqdn)))
            await self.add('ps:person:has', (person, self.ndef('meta:source', src)))
            await self.add('geo:nloc', (('inet:fqdn', fqdn), (10.5, 20.25), 1500000000000 + i), {'place': guid('place', i)})
            await self.add('file:bytes', 'guid:' + guid('file', i), {'name': 'F%d.EXE' % i, 'size': i}, tags[:1])
        # what is taken back again leaves splices in the names of its time
        for i in range(0, count, 3):
            src = guid('gone', i, rnd.random())
            await self.add('meta:source', src, {'name': 'gone'}, tags[:2])
            await self.takeback('meta:source', src)

    async def takeback(self, form, valu):
        try:
            async with await self.core.snap() as snap:
                node = await snap.getNodeByNdef(self.ndef(form, valu))
                await node.delTag('foo')
                await node.delete(force=True)
            self.done += 1
        except Exception as e:
            self.refused.append(('delete', repr(e)[:200]))

    async def extras(self):
        core = self.core
        try:
            user = await core.auth.addUser('fred')
            role = await core.auth.addRole('analysts')
            await role.addRule((True, ('node:add',)))
            await user.grant('analysts')
            await user.addRule((False, ('tag:del',)))
            await user.setPasswd('secret')
        except Exception as e:
            self.refused.append(('auth', repr(e)[:200]))
        for text in (
            'trigger.add node:add --form inet:ipv4 --query {[ +#trig ]}',
            'trigger add node:add inet:ipv4 {[ +#trig ]}',
            'trigger.add tag:add --tag foo.bar --query {[ +#trig2 ]}',
            'cron.add --hour 3 {[ inet:ipv4=1.2.3.4 ]}',
            'queue.add visi',
            'queue.add other',
        ):
            await self.storm(text)
        for text in (
            '$q = $lib.queue.get(visi) $q.put(hehe) $q.put(haha)',
            '[ inet:ipv4=9.9.9.9 ] $node.data.set(foo:bar, (1, 2, three))',
            'inet:fqdn [ +#score:risk=5 ]',
        ):
            await self.storm(text)
        try:
            await core.addTagProp('risk', ('int', {}), {})
            await self.storm('inet:fqdn [ +#score:risk=5 ]')
            await core.addFormProp('inet:ipv4', '_extra', ('ndef', {}), {})
            await self.storm('inet:ipv4 [ :_extra=(%s, %s) ]' % (self.names['meta:source'], guid('x')))
        except Exception as e:
            self.refused.append(('extmodel', repr(e)[:200]))
        try:
            layr = await core.addLayer()
            view = await core.addView('a' * 31 + '1', 'root', (layr.iden, core.view.layers[-1].iden))
            snap = await view.snap() if asyncio.iscoroutinefunction(getattr(view, 'snap', None)) else view.snap(core.auth.getUserByName('root'))
        except Exception as e:
            self.refused.append(('layer', repr(e)[:200]))


async def main(argv):
    pars = argparse.ArgumentParser()
    pars.add_argument('dest')
    pars.add_argument('--nodes', type=int, default=20)
    pars.add_argument('--seed', type=int, default=1)
    pars.add_argument('--old-names', action='store_true')
    opts = pars.parse_args(argv)
    if opts.old_names:
        nameasold()
    async with await s_cortex.Cortex.anit(opts.dest) as core:
        writer = Writer(core, opts.seed)
        await writer.fill(opts.nodes)
        await writer.extras()
        if opts.old_names:
            for layr in core.layers.values():
                await layr.setModelVers((0, 0, 0))
        print('synapse', synapse.version, 'did', writer.done, 'refused', len(writer.refused))
        seen = set()
        for what in writer.refused:
            if (what[0], what[-1][:40]) not in seen:
                seen.add((what[0], what[-1][:40]))
                print('  refused', *what)


if __name__ == '__main__':
    loop = asyncio.get_event_loop()
    loop.run_until_complete(main(sys.argv[1:]))
