'''
Prints what 0.1.58 has made of an older Cortex when it started on it, as lines of JSON: [slab, key, value in hex of msgpack],
without index bytes, and with words in the place of idens that every start makes anew.

usage: <python of 0.1.58> -W ignore upgraded_rows.py DIR [--start]      (--start: starts and stops 0.1.58 on it first)
'''
import os
import sys
import glob
import json
import asyncio
import logging

logging.disable(logging.ERROR)

import lmdb
import msgpack


async def start(dirn):
    import synapse.cortex as s_cortex
    async with await s_cortex.Cortex.anit(dirn):
        pass


def rows(path, name):
    if not os.path.exists(path):
        return []
    env = lmdb.open(path, max_dbs=64, readonly=True, lock=False)
    try:
        with env.begin() as xact:
            try:
                db = env.open_db(name.encode(), txn=xact, create=False)
            except lmdb.Error:
                return []
            return [(bytes(k), bytes(v)) for k, v in xact.cursor(db=db)]
    finally:
        env.close()


def un(byts):
    return msgpack.unpackb(byts, raw=False, strict_map_key=False, use_list=False, unicode_errors='surrogatepass')


def en(item):
    return msgpack.packb(item, use_bin_type=True, unicode_errors='surrogatepass').hex()


def main(dirn):
    cell = os.path.join(dirn, 'slabs', 'cell.lmdb')
    hive = [(k.decode(), un(v)) for k, v in rows(cell, 'hive')]
    known = dict(hive)
    words = {}
    layers = sorted(glob.glob(os.path.join(dirn, 'layers', '*')), key=lambda d: -len(rows(d + '/layer.lmdb', 'bybuid')))
    for i, layer in enumerate(layers):
        words[os.path.basename(layer)] = 'LAYER%d' % i
    words[known['cellinfo\0defaultview']] = 'VIEW'
    for path, valu in hive:
        parts = path.split('\0')
        if parts[0] == 'auth' and parts[1] in ('users', 'roles') and len(parts) == 3:
            words[parts[2]] = '%s:%s' % (parts[1], valu)

    def word(text):
        for iden, name in words.items():
            text = text.replace(iden, name)
        return text

    out = []
    for path, valu in hive:
        if valu is not None:
            out.append(['hive', word(path), word(json.dumps(valu, sort_keys=True))])
    for k, v in rows(cell, 'triggers'):
        out.append(['triggers', k.decode(), word(json.dumps(un(v), sort_keys=True))])
    for i, layer in enumerate(layers):
        for k, v in rows(layer + '/layer.lmdb', 'bybuid'):
            out.append(['layer%d' % i, k.hex(), en(un(v)[0])])
        for k, v in rows(layer + '/nodedata.lmdb', 'bybuid'):
            out.append(['nodedata%d' % i, k.hex(), v.hex()])
        for k, v in rows(layer + '/splices.lmdb', 'splices'):
            out.append(['splices%d' % i, k.hex(), v.hex()])
    for line in sorted(out):
        print(json.dumps(line))


if __name__ == '__main__':
    if '--start' in sys.argv:
        asyncio.get_event_loop().run_until_complete(start(sys.argv[1]))
    main(sys.argv[1])
