'''
Builds a real Synapse 0.1.58 Cortex with something of everything that a migration has to carry, the same for the same seed.

usage: <python of 01x> -W ignore gen_cortex.py DEST [--nodes N] [--seed S] [--module] [--minimal]

Forms of the whole model with their props, tags with and without times, tag props, universal and extended props, node data,
deletions, a fork and a fork of the fork with partial nodes, a view of its own whose layer wrote no splices, users, roles,
rules, gates, triggers, cron jobs, queues, packages, commands, a service, daemons, plain files; with --module also forms of
a custom module (example_mod.py). --minimal: one layer, a dozen nodes, nothing else.
DEST is a compact copy made by synapse.tools.backup. Clock and random bytes are replaced by seeded ones.
'''
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
if os.environ.get('PYTHONHASHSEED') != '0':  # the order of Python's sets must repeat as well
    os.environ['PYTHONHASHSEED'] = '0'
    os.execv(sys.executable, [sys.executable, '-W', 'ignore'] + sys.argv)

import time
import random
import shutil
import asyncio
import logging
import argparse
import tempfile

import yaml

import synapse.common as s_common
import synapse.cortex as s_cortex
import synapse.tools.backup as s_backup

import gen_values

logging.disable(logging.ERROR)

# forms that are cheap to make in numbers and have tags, props and times worth migrating
COMMON = ('inet:fqdn', 'inet:ipv4', 'inet:ipv6', 'inet:dns:a', 'inet:url', 'inet:email', 'inet:user', 'file:bytes', 'hash:md5',
          'ps:name', 'ps:person', 'geo:place', 'tel:phone', 'it:prod:softver', 'ou:org', 'inet:flow')
CASEFORMS = ('ex:case', 'ex:contact', 'ex:about', 'ex:port', 'ex:label')
TAGS = ('rep.vendor.apt%d' % i for i in range(9))
TAGS = tuple(TAGS) + ('cno', 'cno.infra.dns.sinkhole', 'a.b.c.d.e', '\u00e9t\u00e9.\u6f22\u5b57', 'watch')
TAGPROPS = (
    ('risk', ('int', {}), (0, 100, -5, 2 ** 53 + 1)),
    ('tiny', ('int', {'size': 1, 'signed': False}), (0, 7, 127)),
    ('note', ('str', {'lower': True, 'strip': True}), (' Some Note ', '\u00e9', 'n' * 300)),
    ('since', ('time', {'ismin': True}), ('2014', 1500000000000)),
    ('span', ('ival', {}), (('2014', '2016'), (5, 10))),
    ('spot', ('geo:latlong', {}), ((1.5, -2.25), (89.123456789, 179.5))),
)
UNIVS = (
    ('_score', ('int', {}), (0, -1, 2 ** 63 - 1)),
    ('_origin', ('str', {}), ('osint', '', '\u00fc' * 200)),
    ('_first', ('time', {'ismin': True}), (1400000000000, '2013')),
    ('_kinds', ('array', {'type': 'str', 'typeopts': {'lower': True}}), (('B', 'a', 'B'), ())),
)
FORMPROPS = (
    ('inet:fqdn', '_rank', ('int', {'min': 0}), (0, 5, 10 ** 12)),
    ('inet:fqdn', '_alts', ('array', {'type': 'inet:fqdn', 'typeopts': {}, 'uniq': True, 'sorted': True}), (('b.com', 'a.com', 'b.com'), ())),
    ('inet:ipv4', '_port', ('int', {'size': 2, 'signed': False}), (0, 443, 32767)),
    ('inet:ipv4', '_span', ('ival', {}), ((10, 20), ('2014', '?'))),
    ('ps:person', '_blob', ('data', {}), ({'k': [1.5, None]}, 1.0, 'text', {'lone': '\ud83d'})),
    ('ou:org', '_node', ('ndef', {}), (('inet:fqdn', 'a.com'), ('inet:ipv4', 5))),
    ('nope:form', '_gone', ('int', {}), ()),
)
NODEDATA = ({'f': 0.5, 'n': [1, None, True]}, 2 ** 64 - 1, -2 ** 63, 1.0, -0.0, 1e-320, None, b'\x00\xff', '', [], {}, {1: 'int', b'b': 2, 'k': (1, (2,))}, '\ud83d half', 'x' * 3000, float('inf'))
RULES = (
    (True, ('node:add',)), (True, ('node:add', 'inet:fqdn')), (False, ('node:del',)), (True, ('prop:set', 'inet:fqdn', 'zone')), (True, ('prop:del',)),
    (True, ('tag:add', 'cno', 'infra')), (False, ('tag:del',)), (True, ('tag:prop:set',)), (True, ('layer:lift',)), (True, ('layer:write',)), (True, ('storm',)),
    (True, ('storm', 'lib', 'queue')), (True, ('storm', 'queue', 'orders', 'get')), (True, ('storm', 'tag:add')), (True, ('queue', 'get', 'orders')), (True, ('view', 'read')), (True, ('node', 'add')),
    (False, ('trigger', 'add')), (True, ('cron',)), (True, ('service', 'get', 'x')), (True, ('impersonate',)), (True, ('*',)),
)

class Builder:

    def __init__(self, core, opts):
        self.core = core
        self.nodes = opts.nodes
        self.module = opts.module
        self.rand = random.Random(opts.seed)
        self.values = gen_values.Values(core.model, self.rand)
        self.users = {}

    async def everything(self):
        await self.model()
        await self.views()
        await self.auth()
        await self.automation()
        await self.content()

    async def model(self):
        for name, tdef, _ in TAGPROPS:
            await self.core.addTagProp(name, tdef, {'doc': name})
        for name, tdef, _ in UNIVS:
            await self.core.addUnivProp(name, tdef, {})
        for form, name, tdef, _ in FORMPROPS:
            if self.core.model.form(form) is not None:
                await self.core.addFormProp(form, name, tdef, {'doc': name})

    async def views(self):
        for name in ('root', 'ann', 'ben', 'cat', 'dan', 'Zo\u00eb', 'svc.feed'):
            user = self.core.auth.getUserByName(name) or await self.core.auth.addUser(name)
            await user.setLocked(False)  # the reference fails on a user without any stored value
            self.users[name] = user
        base = self.core.view
        fork = await base.fork(owner='ann', name='fork of the main view')
        deep = await fork.fork(config={'lmdb:growsize': 1048576, 'lmdb:mapsize': 16777216})
        quiet = await self.core.addLayer(name='without splices', owner='root', config={'lmdb:mapsize': 16777216})
        other = await self.core.addView(s_common.guid(), 'root', [quiet.iden])
        self.base, self.fork, self.deep, self.other = base, fork, deep, other

    async def auth(self):
        users = self.users
        roles = {name: await self.core.auth.addRole(name) for name in ('analysts', 'readers', 'nobody')}
        for rule in RULES:
            if rule[1] not in (('storm',), ('*',), ('layer:write',), ('node', 'add')):  # these would hide the others
                await roles['analysts'].addRule(rule)
        await roles['readers'].addRule((True, ('storm', 'asroot', 'cmd')))
        for name in ('ann', 'cat', 'dan', 'Zo\u00eb'):
            for rule in self.rand.sample(RULES, 5):
                await users[name].addRule(rule)
        for name, granted in (('ann', 'analysts'), ('ben', 'analysts'), ('ben', 'readers'), ('cat', 'readers')):
            await users[name].grant(granted)
        await users['ann'].setAdmin(True)
        await users['dan'].setLocked(True)
        await users['Zo\u00eb'].setArchived(True)
        for name, passwd in (('root', 'secret'), ('ben', 'p\u00e4ss w\u00f6rd'), ('cat', 'cat')):
            await users[name].setPasswd(passwd)
        await users['svc.feed'].info.set('profile', {'mail': 'feed@example.com', 'rate': 1.5})
        for i, item in enumerate([self.base, self.fork, self.deep, self.other] + [v.layers[0] for v in (self.base, self.fork)]):
            gate = self.core.auth.getAuthGate(item.iden)
            if gate is None:
                continue
            gateuser = await gate.getGateUser(users[('ben', 'cat')[i % 2]])
            await gateuser.addRule(self.rand.choice(RULES))
            if i % 3 == 1:
                await gateuser.info.set('admin', True)
            await (await gate.getGateRole(roles['analysts'])).addRule((True, ('view', 'read')))

    async def automation(self):
        core, users = self.core, self.users
        kinds = (
            ('node:add', '[ +#by.nodeadd ]', {'form': 'inet:asn'}), ('node:del', '$lib.print(gone)', {'form': 'inet:asn', 'doc': 'a doc', 'name': 'a name'}),
            ('prop:set', '[ +#by.propset ]', {'prop': 'inet:asn:name'}), ('prop:set', '$lib.print(seen)', {'prop': '.seen'}),
            ('tag:add', '[ +#by.tagadd ]', {'tag': 'watch'}), ('tag:add', '$lib.print(x)', {'form': 'inet:fqdn', 'tag': 'cno.**'}), ('tag:del', '$lib.print(y)', {'tag': 'watch'}),
        )
        for i, (cond, storm, info) in enumerate(kinds * 2):
            view = (self.base, self.fork)[i // len(kinds)]
            await view.addTrigger(cond, storm, info, disabled=i % 5 == 1, user=users[('ann', 'ben')[i % 2]])
        for _ in range(2):  # equal rules, which the reference makes one
            await self.base.addTrigger('node:add', '$lib.print(same)', {'form': 'inet:url'}, user=users['ann'])
        jobs = (('[ inet:fqdn=cron.example.com ]', {'hour': 2, 'minute': 30}, 'day', 1), ('$lib.print(b)', {'minute': (5, 10)}, 'hour', 2), ('$lib.print(c)', {'dayofmonth': -1}, 'month', 1),
                ('$lib.print(once)', {'year': 2035, 'month': 5, 'dayofmonth': 1, 'hour': 0}, None, None))
        idens = [await core.addCronJob(users[('ann', 'ben')[i % 2]], *job) for i, job in enumerate(jobs)]
        await core.disableCronJob(idens[1])
        await core.agenda.appts[idens[0]].setDoc('a doc')
        await core.updateCronJob(idens[2], '$lib.print(changed)')
        # used in another order than that of their names
        queues = (('orders', 'ann', [1, 'two', {'three': 3.0}, None, b'\x00']), ('alerts', 'ben', [(1, 2)] * 3), ('zeta:\u00fc', 'ann', ['z']), ('empty', 'ben', []), ('ownerless', None, ['left']))
        for name, owner, items in queues:
            await core.addCoreQueue(name, {'user': users[owner].iden, 'time': 5} if owner else {})
            await core.putsCoreQueue(name, items)
        await core.cullCoreQueue('orders', 1)
        await core.addCoreQueue('dropped', {'user': users['ann'].iden})
        await core.putsCoreQueue('dropped', ['d'])
        await core.delCoreQueue('dropped')
        await core.setStormCmd({'name': 'ex.cmd', 'descr': 'a command', 'cmdargs': (('--x', {'help': 'y'}),), 'cmdconf': {'k': 1}, 'storm': '$lib.print($cmdopts.x)'})
        await core.addStormPkg({'name': 'expkg', 'version': (0, 1, 0), 'modules': ({'name': 'ex.mod', 'storm': 'function twice(x) { return ($( $x * 2 )) }'},),
                                'commands': ({'name': 'ex.hello', 'storm': '$lib.print(hello)'},)})
        await core.addStormSvc({'name': 'exsvc', 'url': 'tcp://127.0.0.1:1/svc', 'iden': s_common.guid('exsvc')})
        await core.addStormDmon({'storm': '$lib.print(dmon)', 'user': users['ann'].iden, 'name': 'exdmon'})
        await core.stormvars.set('answer', {'n': 42, 'f': 1.0, 'none': None})
        await core.setFeedOffs(s_common.guid('feed'), 42)
        await core.hive.set(('custom', 'thing'), {'raw': b'bytes', 'f': 1.0})

    # --- nodes ---

    async def content(self):
        forms = sorted(f.name for f in self.core.model.forms.values() if not f.isrunt)
        if self.nodes < 1000:
            forms = sorted(self.rand.sample(forms, min(len(forms), self.nodes // 6)))
        if self.module:
            forms += CASEFORMS * 3
        await self.fill(self.base, forms)
        while count(self.base) < self.nodes:
            await self.fill(self.base, [self.rand.choice(COMMON) for _ in range(20)])
        await self.queries()
        few = max(6, self.nodes // 40)
        for view in (self.fork, self.deep):
            await self.fill(view, [self.rand.choice(COMMON) for _ in range(few)])
            await self.partial(view, few)
        # 0.1.58 decides by this option of the Cortex, at each write, whether a layer logs splices
        self.core.conf['splice:en'] = False
        await self.fill(self.other, [self.rand.choice(COMMON) for _ in range(few)])
        self.core.conf['splice:en'] = True

    async def fill(self, view, forms):
        made = []
        async with await self.core.snap(view=view, user=self.users['ann']) as snap:
            snap.strict = False
            for name in forms:
                node = await self.addNode(snap, name)
                if node is not None:
                    await self.decorate(node)
                    made.append(node)
            for node in self.rand.sample(made, len(made) // 6):
                await self.change(node)

    async def addNode(self, snap, name):
        form = self.core.model.form(name)
        ok, valu = self.values.make(form.type)
        if not ok:
            return None
        props = {}
        for prop in sorted(form.props.values(), key=lambda p: p.name):
            if prop.name.startswith(('.', '_')) or prop.info.get('ro') or self.rand.random() < .4:
                continue
            ok, pval = self.values.make(prop.type)
            if ok:
                props[prop.name] = pval
        if self.rand.random() < .4:
            tick = self.values.msec()
            props['.seen'] = (tick, tick + self.rand.randrange(1, 10 ** 10))
        try:
            return await snap.addNode(name, valu, props=props)
        except Exception:
            return None

    async def decorate(self, node, often=1.0):
        rand = self.rand
        if rand.random() < .5 * often:
            tick = self.values.msec()
            await node.addTag(rand.choice(TAGS), valu=rand.choice(((None, None), (tick, tick + 10 ** 9), ('2015', '?'))))
        if rand.random() < .2 * often:
            name, _, valus = rand.choice(TAGPROPS)
            await node.setTagProp(rand.choice(TAGS), name, rand.choice(valus))
        if rand.random() < .3 * often:
            name, _, valus = rand.choice(UNIVS)
            await node.set('.' + name, rand.choice(valus))
        for form, name, _, valus in FORMPROPS:
            if form == node.form.name and rand.random() < .5:
                await node.set(name, rand.choice(valus))
        if rand.random() < .15 * often:
            await node.setData(rand.choice(('score', 'cache:x', 'na\u00efve', 'inet:fqdn')), rand.choice(NODEDATA))

    async def change(self, node):
        '''Leaves a splice of one of the rarer kinds.'''
        rand = self.rand
        kind = rand.randrange(5)
        if kind == 0:
            await node.delete(force=True)
        elif kind == 1 and node.tags:
            await node.delTag(rand.choice(sorted(node.tags)))
        elif kind == 2 and node.tagprops:
            await node.delTagProp(*rand.choice(sorted(node.tagprops)))
        elif kind == 3:
            names = [name for name in sorted(node.props) if not node.form.prop(name).info.get('ro')]
            if names:
                await node.pop(rand.choice(names))
        else:
            await node.addTag('watch', valu=(1000, 2000))
            await node.addTag('watch', valu=(500, 3000))
            await node.set('._score', 1)
            await node.set('._score', 2)

    async def queries(self):
        '''Storm by users: splices with provenance, triggers that fire.'''
        for name, storm in (('ann', '[ inet:fqdn=prov.example.com +#cno=(2015, 2016) ]'), ('ann', '[ inet:asn=777 :name=Bar .seen=(2014, 2015) ]'),
                            ('ann', 'inet:asn=777 [ -:name ] | delnode --force'), ('ann', 'inet:fqdn=prov.example.com [ -#cno ]'),
                            ('ann', 'for $i in (1, 2, 3, 4) { [ inet:asn=$i :name=some +#watch ] }')):
            async for _ in self.core.eval(storm, user=self.users[name]):
                pass

    async def partial(self, view, few):
        '''Nodes of the layers below that hold something in this layer, of each kind alone.'''
        below = view.layers[-1]
        async with await self.core.snap(view=view) as snap:
            snap.strict = False
            buids = sorted({key[:32] for key, _ in below.layrslab.scanByFull(db=below.bybuid)})
            for i, buid in enumerate(self.rand.sample(buids, min(few + 5, len(buids)))):
                node = await snap.getNodeByBuid(buid)
                if node is None:
                    continue
                if i == 0:
                    await node.setTagProp('only.tagprop', 'risk', 3)
                elif i == 1:
                    await node.setData('only', {'data': True})
                elif i == 2:
                    await node.set('._score', 77)
                else:
                    await self.decorate(node, often=2)

def count(view):
    layr = view.layers[0]
    return sum(1 for key, _ in layr.layrslab.scanByFull(db=layr.bybuid) if key[32:33] == b'*')

async def minimal(core):
    async with await core.snap() as snap:
        for i in range(6):
            node = await snap.addNode('inet:fqdn', 'host%d.example.com' % i)
            await node.addTag('t%d' % (i % 2), valu=(1000 + i, 2000 + i))
            await node.setData('n', i / 4)
            await snap.addNode('inet:dns:a', ('host%d.example.com' % i, i), props={'.seen': ('2015', '2016')})

def still(seed):
    '''Time passes by one millisecond per call of common.now(); os.urandom repeats.'''
    rand = random.Random(seed)
    clock = [1561939200.0]

    def now():
        clock[0] += .001
        return int(clock[0] * 1000)

    time.time = lambda: clock[0]
    s_common.now = now
    os.urandom = lambda n: bytes(rand.getrandbits(8) for _ in range(n))

def files(dirn, module):
    conf = {'splice:en': True, 'storm:log': False, 'dedicated': False, 'feeds': [], 'cron:enable': False}
    if module:
        conf['modules'] = ['example_mod.ExampleModule']
    with open(os.path.join(dirn, 'cell.yaml'), 'w') as fd:
        yaml.safe_dump(conf, fd)
    with open(os.path.join(dirn, 'boot.yaml'), 'w') as fd:
        yaml.safe_dump({'auth:admin': 'root:secret'}, fd)
    os.makedirs(os.path.join(dirn, 'certs', 'cas'))
    with open(os.path.join(dirn, 'certs', 'cas', 'note.txt'), 'w') as fd:
        fd.write('a plain file\n')

async def main(opts):
    still(opts.seed)
    temp = tempfile.mkdtemp()
    try:
        dirn = os.path.join(temp, 'core')
        os.makedirs(dirn)
        if not opts.minimal:
            files(dirn, opts.module)
        async with await s_cortex.Cortex.anit(dirn) as core:
            if opts.minimal:
                await minimal(core)
            else:
                await Builder(core, opts).everything()
            for view in core.views.values():
                print(view.iden, 'nodes in the top layer:', count(view))
        async with await s_cortex.Cortex.anit(dirn):
            pass  # a layer gets its model version when the Cortex opens it again
        shutil.rmtree(opts.dest, ignore_errors=True)
        s_backup.backup(dirn, opts.dest)
        for root, _, names in os.walk(opts.dest):
            if 'lock.mdb' in names:
                os.unlink(os.path.join(root, 'lock.mdb'))
    finally:
        shutil.rmtree(temp)

if __name__ == '__main__':
    pars = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pars.add_argument('dest')
    pars.add_argument('--nodes', type=int, default=1000)
    pars.add_argument('--seed', type=int, default=1)
    pars.add_argument('--module', action='store_true')
    pars.add_argument('--minimal', action='store_true')
    asyncio.run(main(pars.parse_args()))
