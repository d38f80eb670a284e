'''
The content of a Cortex directory as lines of text, independent of the order in which abbreviations were given out: the
same lines as test/support/dump.ts writes, made with py-lmdb and msgpack-python instead of our own readers.

  <path of the slab>\t<db>\t<row>      a row as an array, see rows() below
  <path of the slab>\t\t["<db>",<whether dupsort>]
  <path of a file>\t\t<content>        YAML as a value with sorted keys, anything else as its SHA-256
  migration/authhier_<time>.mpk\t\t[[user],[gate],[perms]]     one line for each pair, perms sorted

usage: <python of rc18> -W ignore dump.py DIR OUT.jsonl.gz
'''
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import gzip
import json
import struct
import hashlib

import lmdb
import yaml

from canon import canon, un, value

FLAGS = {0: 'ndef', 1: 'prop', 2: 'tag', 3: 'tagprop', 9: 'form'}

class Slab:

    def __init__(self, path):
        size = max(os.path.getsize(os.path.join(path, 'data.mdb')), 1 << 20)
        self.env = lmdb.open(path, max_dbs=256, readonly=True, lock=False, map_size=size)
        self.dbs = {}
        self.plain = []
        with self.env.begin() as txn:
            top = [(bytes(k), bytes(v)) for k, v in txn.cursor()]
        for key, valu in top:
            try:
                db = self.env.open_db(key, create=False)
            except lmdb.Error:
                self.plain.append((key, valu))
                continue
            with self.env.begin() as txn:
                self.dbs[key.decode()] = (db, bool(db.flags(txn)['dupsort']))

    def rows(self, name):
        if name in self.dbs:
            with self.env.begin(db=self.dbs[name][0]) as txn:
                for key, valu in txn.cursor():
                    yield bytes(key), bytes(valu)

    def table(self, name):
        return dict(self.rows(name))

def text(byts):
    try:
        return byts.decode('utf8')
    except UnicodeDecodeError:
        return byts

def num(byts):
    return struct.unpack('>Q', byts)[0] if len(byts) == 8 else byts

class Raw(str):
    '''Canonical text already.'''

def row(*cells):
    return '[%s]' % ','.join(c if isinstance(c, Raw) else canon(c) for c in cells)

def item(byts):
    return Raw(value(byts))

def layer(slab):
    props = slab.table('propabrv:abrv2byts')
    tags = slab.table('tagabrv:abrv2byts')
    tagprops = slab.table('tagpropabrv:abrv2byts')

    def names(table, abrv, count):
        return list(un(table[abrv])) if abrv in table else [abrv] + [None] * (count - 1)

    def rows(db, key, valu):
        if db == 'bybuid':
            return row(key[:32].hex(), FLAGS.get(key[32], str(key[32])), text(key[33:]), text(valu) if key[32] == 9 else item(valu))
        if db in ('byprop', 'byarray'):
            return row(*names(props, key[:8], 2), key[8:].hex(), valu.hex())
        if db == 'bytag':
            return row(text(tags.get(key[:8], key[:8])), *names(props, key[8:], 2), valu.hex())
        if db == 'bytagprop':
            return row(*names(tagprops, key[:8], 3), key[8:].hex(), valu.hex())
        if db.endswith(':byts2abrv'):
            back = slab.table(db.replace('byts2abrv', 'abrv2byts')).get(valu)
            return row(text(key) if db.startswith('tagabrv') else item(key), back == key)
        if db.endswith(':abrv2byts'):
            return row(text(valu) if db.startswith('tagabrv') else item(valu))
        if db == 'count:forms':
            return row(text(key), num(valu))
        return row(text(key), item(valu))

    return rows

def nodedata(slab, layr):
    props = layr.table('propabrv:abrv2byts') if layr else {}

    def name(abrv):
        return un(props[abrv])[0] if abrv in props else abrv

    def rows(db, key, valu):
        if db == 'nodedata':
            return row(key[:32].hex(), name(key[32:]), item(valu))
        if db == 'dataname':
            return row(name(key), valu.hex())
        return row(text(key), item(valu))

    return rows

def queues(slab):
    new = slab.table('cortex:queue:abrv:abrv2byts') or slab.table('cortex:queue:abrv:abrv2name')

    def rows(db, key, valu):
        if db == 'cortex:queue:qdata':
            return row(text(new.get(key[:8], key[:8])), num(key[8:]), item(valu))
        return row(text(key), item(valu))

    return rows

def nodeedits(db, key, valu):
    return row(num(key), item(valu))

def other(db, key, valu):
    return row(text(key), item(valu))

def maker(dirn, rel, slab):
    name = os.path.basename(rel)
    if name == 'layer_v2.lmdb':
        return layer(slab)
    if name == 'nodedata.lmdb' and 'nodedata' in slab.dbs:
        path = os.path.join(dirn, os.path.dirname(rel), 'layer_v2.lmdb')
        return nodedata(slab, Slab(path) if os.path.isdir(path) else None)
    if name == 'queues.lmdb':
        return queues(slab)
    return nodeedits if name == 'nodeedits.lmdb' else other

def ordered(data):
    if isinstance(data, dict):
        return {k: ordered(data[k]) for k in sorted(data)}
    return [ordered(i) for i in data] if isinstance(data, list) else data

def content(path):
    with open(path, 'rb') as fd:
        byts = fd.read()
    if path.endswith('.yaml'):
        return canon(ordered(yaml.safe_load(byts.decode())))
    if os.path.basename(path).startswith('authhier_'):
        return sorted(row(user, gate, sorted(perms, key=canon)) for user, gates in un(byts).items() for gate, perms in gates.items())
    return json.dumps(hashlib.sha256(byts).hexdigest())

def lines(dirn):
    for root, dnames, fnames in os.walk(dirn):
        for name in sorted(dnames):
            rel = os.path.relpath(os.path.join(root, name), dirn)
            if rel in ('migration/splices', 'migration/layermaps'):
                dnames.remove(name)  # what the migrator works with while it runs
            elif name.endswith('.lmdb'):
                dnames.remove(name)
                slab = Slab(os.path.join(root, name))
                rows = maker(dirn, rel, slab)
                for key, valu in slab.plain:
                    yield '%s\t\t%s' % (rel, row(text(key), item(valu)))
                for db, (_, dupsort) in slab.dbs.items():
                    yield '%s\t\t%s' % (rel, row(db, dupsort))
                    for key, valu in slab.rows(db):
                        yield '%s\t%s\t%s' % (rel, db, rows(db, key, valu))
        for name in fnames:
            path = os.path.join(root, name)
            if name != 'lock.mdb' and os.path.isfile(path):
                found = content(path)
                for line in found if isinstance(found, list) else [found]:
                    yield '%s\t\t%s' % (os.path.relpath(path, dirn), line)

if __name__ == '__main__':
    with gzip.GzipFile(sys.argv[2], 'wb', mtime=0) as fd:
        for line in sorted(lines(sys.argv[1])):
            fd.write(line.encode() + b'\n')
