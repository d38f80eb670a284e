'''
Writes src/python/data/unicode.json: what Python 3.7 (Unicode 11, regex 2.5.x, stringprep) says about characters where
JavaScript's newer Unicode says something else, or nothing.

usage: <python with synapse 0.2.0rc18> -W ignore test/oracle/make_unicode.py src/python/data/unicode.json

Sets are ranges: "first length first length ..." in base 36, each first counted from the end of the range before.
Maps are [character, text] pairs that differ from JavaScript's own function (of the node on PATH).
'''
import sys
import json
import subprocess
import stringprep
import unicodedata

import regex

ALL = [c for c in range(0x110000)]
CHARS = [c for c in ALL if not 0xd800 <= c <= 0xdfff]

def b36(n):
    digits = '0123456789abcdefghijklmnopqrstuvwxyz'
    out = ''
    while True:
        n, rest = divmod(n, 36)
        out = digits[rest] + out
        if n == 0:
            return out

def ranges(pred, chars=ALL):
    out = []
    end = 0
    first = None
    last = None
    for c in chars:
        if not pred(chr(c)):
            continue
        if last is not None and c == last + 1:
            last = c
            continue
        if last is not None:
            out += [b36(first - end), b36(last + 1 - first)]
            end = last + 1
        first = last = c
    if last is not None:
        out += [b36(first - end), b36(last + 1 - first)]
    return ' '.join(out)

NODE = '''
const out = {lower: [], nfkc: []}
for (let c = 0; c < 0x110000; c++) {
  if (c >= 0xd800 && c <= 0xdfff) continue
  const s = String.fromCodePoint(c)
  if (s.toLowerCase() !== s) out.lower.push([c, s.toLowerCase()])
  if (s.normalize('NFKC') !== s) out.nfkc.push([c, s.normalize('NFKC')])
}
console.log(JSON.stringify(out))
'''

def main(path):
    js = json.loads(subprocess.check_output(['node', '-e', NODE]))
    jslower = {chr(c): t for c, t in js['lower']}
    jsnfkc = {chr(c): t for c, t in js['nfkc']}
    ucd = unicodedata.ucd_3_2_0
    isword = regex.compile(r'\w')
    isdigit = regex.compile(r'\d')
    assigned = lambda c: unicodedata.category(c) != 'Cn'

    def nfkc(c):
        return jsnfkc.get(c, c)

    lower = [[c, c.lower()] for c in map(chr, CHARS) if assigned(c) and c.lower() != jslower.get(c, c)]
    nfkcdiff = {c: ucd.normalize('NFKC', c) for c in map(chr, CHARS) if assigned(c) and ucd.normalize('NFKC', c) != nfkc(c)}
    same = [c for c, t in nfkcdiff.items() if c == t]
    sameset = set(same)

    # what our own code makes of b2: lower, or lower of the NFKC form, as stringprep does
    b3 = [[c, stringprep.map_table_b3(c)] for c in map(chr, CHARS) if stringprep.map_table_b3(c) != c.lower()]
    def bad(c):
        return any(f(c) for f in (stringprep.in_table_c12, stringprep.in_table_c22, stringprep.in_table_c3, stringprep.in_table_c4,
                                  stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8,
                                  stringprep.in_table_c9))

    doc = {
        'python': sys.version.split()[0],
        'unicode': unicodedata.unidata_version,
        'regex': regex.__version__,
        'assigned': ranges(assigned),
        'printable': ranges(str.isprintable),
        'digit': ranges(str.isdigit),
        'zero': ''.join(c for c in map(chr, CHARS) if unicodedata.decimal(c, None) == 0),
        'regexDigit': ranges(lambda c: isdigit.match(c) is not None),
        'word': ranges(lambda c: isword.match(c) is not None),
        'lower': lower,
        'nfkcSame': ranges(lambda c: c in sameset),
        'nfkc': [[c, t] for c, t in nfkcdiff.items() if c != t],
        'b1': ranges(stringprep.in_table_b1),
        'b3': b3,
        'prohibited': ranges(bad),
        'd1': ranges(stringprep.in_table_d1),
        'd2': ranges(stringprep.in_table_d2),
    }
    # the decimal digits are ten in a row from each zero
    for c in map(chr, CHARS):
        value = unicodedata.decimal(c, None)
        assert value is None or chr(ord(c) - value) in doc['zero'], hex(ord(c))
    with open(path, 'w') as fd:
        fd.write('{\n' + ',\n'.join(f' {json.dumps(k)}: {json.dumps(v, separators=(",", ":"))}' for k, v in doc.items()) + '\n}\n')

main(sys.argv[1])
