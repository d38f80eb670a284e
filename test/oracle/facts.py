'''
What users notice of a Cortex beside its nodes: who may log in and do what, what triggers and cron jobs do, which item comes
out of which queue. Asked from a running Cortex made by gen_cortex.py: 0.1.58 on the source, 2.0.0 on a result. One JSON
object with the same keys from both.

usage: <python of 01x or 200> -W ignore facts.py DIR     (it changes DIR: give a copy)
'''
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import json
import asyncio
import logging

import synapse
import synapse.cortex as s_cortex

from canon import canon

OLD = synapse.version < (0, 2, 0)
PASSWDS = ('secret', 'p\u00e4ss w\u00f6rd', 'cat', 'wrong')
# what each user tries; %s is a word of the user
TRIES = (
    ('lift', 'inet:fqdn=target.com'),
    ('add a node', '[ inet:fqdn=%s.com ]'),
    ('add another form', '[ it:dev:str=%s ]'),
    ('set a prop', 'inet:fqdn=target.com [ ._origin=%s ]'),
    ('set a zone', 'inet:fqdn=target.com [ :zone=target.com ]'),
    ('del a prop', 'inet:fqdn=target.com [ -._origin ]'),
    ('add a tag', 'inet:fqdn=target.com [ +#%s ]'),
    ('add a tag below cno.infra', 'inet:fqdn=target.com [ +#cno.infra.%s ]'),
    ('set a tag prop', 'inet:fqdn=target.com [ +#target:risk=5 ]'),
    ('del a tag', 'inet:fqdn=target.com [ -#target ]'),
    ('del a node', 'inet:fqdn=target.com | delnode'),
    ('read a queue', '$lib.queue.get(orders).get(1, cull=$(0), wait=$(0))'),
    ('put into a queue', '$lib.queue.get(alerts).put(%s)'),
    ('use another queue', '$lib.queue.get("zeta:\u00fc").get(0, cull=$(0), wait=$(0))'),
    ('make a queue', '$lib.queue.add(%s)'),
    ('run a package command', 'ex.hello'),
    ('run a command', 'ex.cmd --x hi'),
    ('import a module', '$mod=$lib.import(ex.mod) $lib.print($mod.twice(4))'),
    ('list services', 'service.list'),
    ('add a trigger', 'trigger.add node:add --form it:dev:str --query {[ +#%s ]}'),
    ('disable a trigger', 'trigger.disable %trigger'),
    ('disable a cron job', 'cron.disable %cron'),
)
# the same in the fork of the main view
FORKTRIES = ('lift', 'add a node', 'set a prop', 'add a tag', 'del a tag', 'del a node', 'add a trigger')
TARGET = '[ inet:fqdn=target.com ._origin=me +#target ]'

class Facts:

    def __init__(self, core):
        self.core = core

    async def all(self):
        core = self.core
        users = self.users = {user.name: user for user in sorted(core.auth.users(), key=lambda user: user.name)}
        self.root = users['root']
        return {
            'users': {name: self.user(user) for name, user in users.items()},
            'queues': {item['name']: await self.queue(item['name']) for item in sorted(core.multiqueue.list(), key=lambda q: q['name'])},
            'triggers': sorted(self.triggers(users)),
            'fired': await self.fired(),
            'cron': sorted(self.cron(users)),
            'cron ran': await self.cronran(),
            'packages': sorted(pkg['name'] for pkg in await core.getStormPkgs()),
            'services': sorted([svc.name, svc.sdef['url']] for svc in core.getStormSvcs()),
            'daemons': sorted(self.daemons()),
            'variables': {name: canon(valu) for name, valu in sorted(core.stormvars.items())},
            'allowed': {name: await self.allowed(user) for name, user in users.items()},
            'allowed in the fork': {name: await self.allowed(user, self.fork()) for name, user in users.items()},
        }

    async def storm(self, text, user=None, view=None):
        view = view or self.core.view
        user = user or self.root
        if OLD:
            return [node async for node in view.eval(text, user=user)]
        return [node async for node in view.eval(text, opts={'user': user.iden})]

    def user(self, user):
        roles = sorted(role.name for role in user.getRoles())
        return {
            'admin': bool(user.admin if OLD else user.isAdmin()),
            'locked': bool(user.locked if OLD else user.isLocked()),
            'archived': bool(user.info.get('archived')),
            'roles': [name for name in roles if name != 'all'],  # which 0.2.x adds
            'passwords': [passwd for passwd in PASSWDS if user.tryPasswd(passwd)],
        }

    async def queue(self, name):
        return [[offs, canon(item)] async for offs, item in self.core.multiqueue.gets(name, 0)]

    def triggers(self, users):
        names = {user.iden: name for name, user in users.items()}
        for view in self.core.views.values():
            for _, trig in view.triggers.list():
                tdef = vars(trig) if OLD else trig.tdef
                owner = names.get(tdef.get('useriden') if OLD else tdef.get('user'))
                yield [view.iden, owner] + [tdef.get(key) or '' for key in ('cond', 'form', 'prop', 'tag', 'storm', 'doc', 'name')] + [tdef.get('enabled', True)]

    async def fired(self):
        '''The tags that triggers add to a node.'''
        node, = await self.storm('[ inet:asn=424242 :name=fired .seen=2020 +#watch ]')
        return sorted(node.tags)

    def cron(self, users):
        names = {user.iden: name for name, user in users.items()}
        for _, appt in self.core.agenda.list():
            info = appt if isinstance(appt, dict) else appt.pack()
            yield [info['query'], names.get(info.get('useriden') or info.get('creator')), info['enabled'], info.get('doc') or '', canon(info['recs']), info['nexttime']]

    async def cronran(self):
        '''Whether the enabled job that adds a node does so.'''
        appt, = [appt for appt in self.core.agenda.appts.values() if 'cron.example.com' in appt.query]
        before = len(await self.storm('inet:fqdn=cron.example.com'))
        await self.core.agenda._execute(appt)
        for _ in range(100):
            await asyncio.sleep(.02)
            if not appt.isrunning and appt.lastfinishtime:
                break
        return [before, len(await self.storm('inet:fqdn=cron.example.com')), appt.startcount]

    def daemons(self):
        if OLD:
            return [dmon.ddef['name'] for dmon in self.core.stormdmons.values()]
        return [dmon.ddef['name'] for dmon in self.core.stormdmons.dmons.values()]

    def fork(self):
        fork, = [view for view in self.core.views.values() if len(view.layers) == 2]
        return fork

    def ownedby(self, name):
        '''A trigger of the main view and a cron job that belong to a user, by their idens.'''
        iden = self.users[name].iden
        trigs = [tiden for tiden, trig in self.core.view.triggers.list() if iden == (trig.useriden if OLD else trig.tdef['user'])]
        jobs = [appt.iden for appt in self.core.agenda.appts.values() if iden == (appt.useriden if OLD else appt.creator)]
        return sorted(trigs)[0], sorted(jobs)[0]

    async def allowed(self, user, view=None):
        retn = {}
        trigger, job = self.ownedby('ben')
        for what, text in TRIES:
            if view is not None and what not in FORKTRIES:
                continue
            await self.storm(TARGET, view=view)
            words = {'%trigger': trigger, '%cron': job, '%s': 'user%d' % list(self.users).index(user.name)}
            for word, valu in words.items():
                text = text.replace(word, valu)
            try:
                await self.storm(text, user=user, view=view)
                retn[what] = 'yes'
            except Exception as e:
                retn[what] = type(e).__name__
        return retn

async def main(dirn):
    async with await s_cortex.Cortex.anit(dirn) as core:
        print(json.dumps(await Facts(core).all(), indent=1, sort_keys=True))

if __name__ == '__main__':
    logging.disable(logging.ERROR)
    asyncio.run(main(sys.argv[1]))
