'''
Makes vectors from damaged inputs: takes inputs of known vectors, mutates them and writes what Synapse makes of the result.

usage: <python with synapse 0.2.0rc18> -W ignore test/oracle/fuzz_vectors.py SEED COUNT OUT.jsonl VECTORS.jsonl...

Then: npm run vectors -- OUT.jsonl
'''
import os
import sys
import json
import random
import asyncio
import tempfile

if os.environ.get('PYTHONHASHSEED') != '0':
    os.environ['PYTHONHASHSEED'] = '0'
    os.execv(sys.executable, [sys.executable, '-W', 'ignore'] + sys.argv)

import msgpack

import synapse.common as s_common
import synapse.datamodel as s_datamodel
import synapse.lib.dyndeps as s_dyndeps
import synapse.lib.layer as s_layer
import synapse.lib.modules as s_modules

s_common.now = lambda: 1577836800000

PIECES = list('.:/@[]()#,-+_ ?=%&;\\"\'<>|*\t\n\r\x00\x1c\x85\xa0\u200b\u3000\u2028\ufeff0x9aAzZ\xdf\u0130\u03a3\u03c2\u017f\u212a\ufb01\xbd\xb2'
              '\u0663\uff11\uff21\xe9\u0345\u200d\xad\u05d0\u0627\u3002\uff0e\ud83d\udc80\U0001f98a') + [
    '[.]', '(.)', '://', 'host://', 'xn--', '::ffff:', 'now', '2010', 'days', ' hours', '+1 day', '.ip6.arpa', '.in-addr.arpa', 'e5', 'inf', 'nan', '1_0', 'e\u0301']

def enc(v):
    if v is None or isinstance(v, (bool, str)):
        return v
    if isinstance(v, int):
        return v if abs(v) < 2 ** 53 else {'$i': str(v)}
    if isinstance(v, float):
        return {'$f': repr(v)}
    if isinstance(v, bytes):
        return {'$b': v.hex()}
    if isinstance(v, (list, tuple)):
        return [enc(x) for x in v]
    if all(isinstance(k, str) and not k.startswith('$') for k in v):
        return {k: enc(x) for k, x in v.items()}
    return {'$m': [[enc(k), enc(x)] for k, x in v.items()]}

def dec(v):
    if isinstance(v, list):
        return tuple(dec(x) for x in v)
    if not isinstance(v, dict):
        return v
    for key, func in (('$f', float), ('$i', int), ('$b', bytes.fromhex)):
        if key in v:
            return func(v[key])
    return dict((dec(k), dec(x)) for k, x in (v['$m'] if '$m' in v else v.items()))

def packed(v):
    try:
        return msgpack.Packer(use_bin_type=True, unicode_errors='surrogatepass').pack(v).hex()
    except Exception:
        return None

class Fuzz:

    def __init__(self, r):
        self.r = r

    def char(self):
        r = self.r
        k = r.random()
        if k < .5:
            return r.choice(PIECES)
        return chr(r.randrange(32, 127) if k < .75 else r.randrange(0x80, 0x3000) if k < .9 else r.randrange(0xe000, 0x110000))

    def text(self, text):
        r = self.r
        chars = list(text)
        for _ in range(r.randint(1, 4)):
            i = r.randint(0, len(chars))
            k = r.random()
            if k < .55:
                chars.insert(i, self.char())
            elif k < .75 and chars:
                del chars[min(i, len(chars) - 1)]
            elif k < .85:
                chars = [c.upper() for c in chars]
            elif k < .92:
                chars = [self.char()] + chars + [self.char()]
            else:
                chars = chars + chars
        return ''.join(chars)

    def value(self, v):
        r = self.r
        if isinstance(v, str):
            return self.text(v) if r.random() < .7 else v
        if v is None or isinstance(v, (bool, bytes, dict)):
            return v
        if isinstance(v, int):
            return r.choice((v, v + 1, -v, str(v), self.text(str(v)), 2 ** r.randrange(70) + r.randint(-1, 1), r.randrange(-300, 300)))
        if isinstance(v, float):
            return r.choice((v, -v, v * 10 ** r.randint(-20, 20), repr(v), self.text(repr(v)), float(r.randrange(-200, 200))))
        items = [self.value(x) if r.random() < .5 else x for x in v]
        if items and r.random() < .08:
            items.pop()
        if r.random() < .05:
            items.append(r.choice((1, None, 'x')))
        return tuple(items)

def israndom(v):
    return v == '*' or isinstance(v, tuple) and any(israndom(x) for x in v)

def indexes(layr, line, stor, valu):
    try:
        line['indx'] = [bytes(b).hex() for b in layr.getStorIndx(stor, valu)]
        if stor & 0x8000:
            line['indxprop'] = [bytes(b).hex() for b in layr.getStorIndx(13, valu)]
    except Exception as e:
        line['indxerr'] = type(e).__name__

def vector(layr, typ, seed, raw):
    line = {'type': seed['type'], 'src': 'raw', 'in': enc(raw), 'inx': packed(raw), 'stortype': typ.stortype}
    if 'opts' in seed:
        line['opts'] = seed['opts']
    if typ.opts.get('uniq') and not typ.opts.get('sorted'):
        line['unordered'] = True
    try:
        norm = typ.norm(raw)[0]
    except Exception as e:
        return dict(line, err=type(e).__name__, mesg=str(e))
    line.update({'out': enc(norm), 'outx': packed(norm), 'same': bool(norm == raw)})
    indexes(layr, line, typ.stortype, norm)
    return line

async def main(seed, count, out, paths):
    r = random.Random(seed)
    fuzz = Fuzz(r)
    model = s_datamodel.Model()
    mdefs = []
    for mod in s_modules.coremods:
        mdefs.extend(s_dyndeps.tryDynLocal(mod).getModelDefs(None))
    model.addDataModels(mdefs)
    # data would need the null values left out, which have random indexes
    seeds = [d for path in paths for d in map(json.loads, open(path)) if 'data' not in json.dumps([d['type'], d.get('opts')])]
    info = {'iden': 'a' * 32, 'creator': 'b' * 32, 'lockmemory': False, 'logedits': False, 'readonly': False}
    with tempfile.TemporaryDirectory() as dirn, open(out, 'w') as fd:
        layr = await s_layer.Layer.anit(info, dirn)
        for _ in range(count):
            seed = r.choice(seeds)
            base = model.type(seed['type'])
            typ = base.clone(dec(seed['opts'])) if 'opts' in seed else base
            raw = fuzz.value(dec(seed['in']))
            if not israndom(raw):
                fd.write(json.dumps(vector(layr, typ, seed, raw), sort_keys=True, separators=(',', ':')) + '\n')
        await layr.fini()

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
