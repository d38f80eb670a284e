'''
One text for each msgpack value, the same here and in test/support/canon.ts: two values have the same text exactly when
they have the same type and content (maps: in the same order).

  None True False ints    null true false 123          str     "..." ASCII with JSON's escapes
  float                   {"$f":"<IEEE 754 in hex>"}    bytes   {"$b":"<hex>"}
  list, tuple             [a,b]                         map     {"k":v}, {"$m":[[k,v]]} when a key is no text or begins with $
  text in which two surrogates stand where JSON would see one character: {"$s":"<hex of the UTF-8>"}
'''
import re
import json
import struct

import msgpack

PAIR = re.compile('[\ud800-\udbff][\udc00-\udfff]')

def canon(item):
    if item is None or isinstance(item, (bool, int)):
        return json.dumps(item)
    if isinstance(item, str):
        if PAIR.search(item):
            return '{"$s":"%s"}' % item.encode('utf8', 'surrogatepass').hex()
        return json.dumps(item)
    if isinstance(item, float):
        return '{"$f":"%s"}' % struct.pack('>d', item).hex()
    if isinstance(item, (bytes, bytearray, memoryview)):
        return '{"$b":"%s"}' % bytes(item).hex()
    if isinstance(item, (list, tuple)):
        return '[%s]' % ','.join(canon(i) for i in item)
    if isinstance(item, dict):
        if all(isinstance(k, str) and not k.startswith('$') and not PAIR.search(k) for k in item):
            return '{%s}' % ','.join(json.dumps(k) + ':' + canon(v) for k, v in item.items())
        return '{"$m":[%s]}' % ','.join('[%s,%s]' % (canon(k), canon(v)) for k, v in item.items())
    raise TypeError('no text for %r' % (item,))

def un(byts):
    # msgpack 0.6.2 has no strict_map_key that later releases need
    opts = {} if msgpack.version < (1, 0, 0) else {'strict_map_key': False}
    return msgpack.unpackb(byts, use_list=False, raw=False, unicode_errors='surrogatepass', **opts)

def value(byts):
    '''The text of packed bytes; those that are no msgpack value as {"$?":"<hex>"}.'''
    try:
        return canon(un(byts))
    except Exception:
        return '{"$?":"%s"}' % byts.hex()
