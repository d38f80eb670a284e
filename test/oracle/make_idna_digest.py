'''
Writes what Python's idna codec makes of every character behind an "a": a digest for each 4096 of them. Of the planes without
characters there is the first block only.

usage: <python 3.7> test/oracle/make_idna_digest.py test/fixtures/idna-digest.json
'''
import sys
import json
import hashlib

BLOCK = 0x1000

def encoded(text):
    try:
        return text.encode('idna').decode('ascii')
    except UnicodeError:
        return '!'

STARTS = [*range(0, 0x33000, BLOCK), *range(0x40000, 0x110000, 0x10000)]

digests = {}
for start in STARTS:
    lines = [encoded('a' + chr(c)) for c in range(start, start + BLOCK) if not 0xd800 <= c <= 0xdfff]
    digests[start] = hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:16]

with open(sys.argv[1], 'w') as fd:
    json.dump({'python': sys.version.split()[0], 'block': BLOCK, 'digests': digests}, fd, indent=0)
