'''
Chooses a small set of vectors that still has every type, every option set and every class of exception.

usage: sample_vectors.py OUT.jsonl PER_KIND FILE...   (files of norm or index vectors, made by real Synapse)
'''
import sys
import json
import random

MAX_LINE = 420

out, perkind = sys.argv[1], int(sys.argv[2])
r = random.Random(1)
kinds = {}
for path in sys.argv[3:]:
    for line in open(path):
        if len(line) > MAX_LINE:
            continue
        d = json.loads(line)
        if d.get('indxrandom') or 'k' in d and d['k'] != 'indx':
            continue
        opts = json.dumps(d.get('opts'), sort_keys=True)
        kind = (str(d.get('type')), str(d.get('stortype')), opts if d.get('type') else '', str(d.get('err')), str(d.get('indxerr')), str(d.get('same')))
        kinds.setdefault(kind, []).append(line)

with open(out, 'w') as fd:
    for kind in sorted(kinds):
        lines = kinds[kind]
        fd.writelines(r.sample(lines, min(perkind, len(lines))))
