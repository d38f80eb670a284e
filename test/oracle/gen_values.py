'''
Random input values for every value type of Synapse 0.1.58, chosen by the class of the type, from a random.Random.

    Values(model, rand).make(ptype) -> (True, an input whose norm 0.2.0rc18 can store and index) or (False, None)
'''
import synapse.common as s_common

DAY = 86400000
OPEN = 0x7fffffffffffffff

TEXTS = ('plain', 'Mixed Case', '  padded  ', 'two  spaces', 'tab\there', 'na\u00efve', 'STRASSE stra\u00dfe', '\u0130stanbul', '\u0391\u03a3', '\u6f22\u5b57 kana',
         '\U0001f98a fox', 'e\u0301 combining', 'back\\slash /slash', 'quote\'s "both"', '', 'nul\x00inside', 'half \ud83d pair', '1.0', 'long ' + 'abc' * 120)
LABELS = ('www', 'Mail', '_dmarc', 'b\u00fccher', '\u0440\u043e\u0441\u0441\u0438\u044f', 'xn--bcher-kva', 'fa\u00df', 'a-b')
ENDINGS = ('com', 'NET', 'co.uk', 'org', 'link', 'museum', '\u0440\u0444')
INTS = (0, 1, -1, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53 + 1, -2 ** 53 - 1, 2 ** 63 - 1, -2 ** 63 + 1)
BLOBS = (0, -7, 2.5, 1.0, True, 'text', '', [], {}, {'b': 1, 'a': [None, {'c': 1e300}]}, (1, (2, (3.0,))), 2 ** 64 - 1, -2 ** 63, {'lone': '\udc80'}, 1e-320)

# inputs for the patterns of string types, by a piece of the pattern
PATTERNS = (
    ('CVE-', lambda v: 'CVE-%d-%d' % (v.rand.randint(1999, 2019), v.rand.randint(1000, 99999))),
    ('[:]){5}', lambda v: ':'.join(v.hexs(2) for _ in range(6))),
    ('([0-2])', lambda v: '1.3.6.1.%d' % v.rand.randint(1, 999)),
    ('(?<iin>', lambda v: str(v.rand.randint(10 ** 15, 10 ** 16))),
    ('[a-z0-9]{2}', lambda v: v.word(2)),
    ('[a-z0-9]{3}', lambda v: v.word(3)),
    ('[a-z]{2}', lambda v: v.rand.choice(('us', 'DE', 'jp'))),
    ('[1-9][0-9]{4}', lambda v: str(v.rand.randint(10000, 99999))),
    ('[0-9]{4}', lambda v: str(v.rand.randint(1000, 9999))),
    ('[0-9', lambda v: str(v.rand.randint(100, 999))),
)

class Values:

    def __init__(self, model, rand):
        self.model = model
        self.rand = rand
        # forms whose value is not itself made of nodes
        nested = ('Comp', 'Edge', 'TimeEdge', 'Ndef', 'Data')
        self.leaves = sorted(f.name for f in model.forms.values() if not f.isrunt and type(f.type).__name__ not in nested)

    def make(self, ptype, tries=8):
        for _ in range(tries):
            try:
                valu = getattr(self, type(ptype).__name__)(ptype)
                norm = ptype.norm(valu)[0]
                ptype.indx(norm)
                s_common.buid(norm)
            except Exception:
                continue
            if storable(norm, top=True) and not (type(ptype).__name__ == 'Loc' and any('\ud800' <= c <= '\udfff' for c in norm)):
                return True, valu
        return False, None

    def hexs(self, n):
        return '%0*x' % (n, self.rand.getrandbits(4 * n))

    def word(self, n=None):
        return ''.join(self.rand.choice('abcdefghijklmnopqrstuvwxyz0123456789') for _ in range(n or self.rand.randint(3, 10)))

    def text(self):
        return self.rand.choice(TEXTS) if self.rand.random() < .4 else self.word()

    def msec(self):
        return 1262304000000 + self.rand.randrange(3000 * DAY)

    def sub(self, ptype):
        ok, valu = self.make(ptype)
        if not ok:
            raise ValueError(ptype.name)
        return valu

    def ndef(self, forms=None):
        name = self.rand.choice(forms or self.leaves)
        return (name, self.sub(self.model.form(name).type))

    # --- one method for each class of type ---

    def Int(self, t):
        if t.opts.get('enums'):
            return self.rand.choice(self.rand.choice(t.opts['enums']))
        valu = self.rand.choice(INTS + (self.rand.randrange(10 ** 6),) * 8)
        return self.rand.choice((valu, valu, hex(valu), ' %d ' % valu))

    def Str(self, t):
        if t.opts.get('enums'):
            return self.rand.choice(t.opts['enums'].split(','))
        regex = t.opts.get('regex')
        if regex is None:
            return self.text()
        return next((make(self) for piece, make in PATTERNS if piece in regex), self.word())

    def Bool(self, t):
        return self.rand.choice((True, False, 1, 0, 'yes', 'False'))

    def Hex(self, t):
        text = self.hexs(t.opts['size'] or self.rand.choice((2, 10, 64)))
        return self.rand.choice((text, text.upper(), bytes.fromhex(text)))

    def Guid(self, t):
        return self.rand.choice((self.hexs(32), self.hexs(32).upper(), (self.word(), 1.5, True)))

    def Time(self, t):
        return self.rand.choice((self.msec(), self.msec(), '2015/03/04 05:06:07.891', '201603', '?', OPEN, -self.rand.randrange(DAY)))

    def Ival(self, t):
        tick = self.msec()
        return self.rand.choice(((tick, tick + self.rand.randint(1, 900 * DAY)), ('2012', '?'), '2017/05', (tick, '+5 days')))

    def Loc(self, t):
        return self.rand.choice(('us.ca.la', 'DE. Bayern', 'cn', '\u00e9u.x', self.word()))

    def Tag(self, t):
        return '.'.join(self.word() for _ in range(self.rand.randint(1, 3)))

    def Comp(self, t):
        return tuple(self.sub(t.tcache[name]) for name, _ in t.opts['fields'])

    def Array(self, t):
        return tuple(self.sub(t.arraytype) for _ in range(self.rand.randint(0, 3)))

    def Range(self, t):
        return tuple(sorted(self.rand.randrange(10 ** 6) for _ in range(2)))

    def Ndef(self, t):
        return self.ndef()

    def Edge(self, t):
        return (self.ndef(t.opts.get('n1:forms')), self.ndef(t.opts.get('n2:forms')))

    def TimeEdge(self, t):
        return self.Edge(t) + (self.msec(),)

    def Data(self, t):
        return self.rand.choice(BLOBS)

    def NodeProp(self, t):
        return self.rand.choice((('inet:ipv4:asn', self.rand.randrange(99999)), ('inet:fqdn', self.Fqdn(t)), 'ps:person:name=' + self.word()))

    def Fqdn(self, t):
        parts = [self.word(), self.rand.choice(ENDINGS)]
        if self.rand.random() < .4:
            parts.insert(0, self.rand.choice(LABELS))
        return '.'.join(parts)

    def IPv4(self, t):
        return self.rand.choice((self.rand.getrandbits(32), self.dotted(), '127.0.0.1', '10.1[.]2.3', 0xffffffff))

    def dotted(self):
        return '.'.join(str(self.rand.randrange(256)) for _ in range(4))

    def IPv6(self, t):
        return self.rand.choice(('::1', '::', '2001:DB8::%x' % self.rand.getrandbits(16), '::ffff:' + self.dotted(), 'fe80::%x:1' % self.rand.getrandbits(16)))

    def IPv4Range(self, t):
        return tuple(sorted(self.rand.getrandbits(32) for _ in range(2)))

    def IPv6Range(self, t):
        return self.rand.choice((('::1', 'fe80::%x' % self.rand.getrandbits(16)), '2001:db8::/48'))

    def Cidr4(self, t):
        return '%s/%d' % (self.dotted(), self.rand.randint(1, 32))

    def Cidr6(self, t):
        return '2001:db8::/%d' % self.rand.randint(32, 128)

    def Addr(self, t):
        port = self.rand.randrange(65536)
        return self.rand.choice(('tcp://%s:%d' % (self.dotted(), port), 'udp://[2001:db8::5]:%d' % port, self.dotted(), 'icmp://' + self.dotted(), '::1', 'host://%s:%d' % (self.word(), port)))

    def Email(self, t):
        return '%s@%s' % (self.rand.choice((self.word(), 'First.Last+x', '\u00fcser')), self.Fqdn(t))

    def Rfc2822Addr(self, t):
        addr = self.word() + '@example.com'
        return self.rand.choice((addr, 'Some Name <%s>' % addr, '"Doe, J" <%s>' % addr.upper()))

    def Url(self, t):
        host = self.rand.choice((self.Fqdn(t), self.dotted() + ':8080', '[2001:db8::1]:443'))
        return '%s://%s%s%s' % (self.rand.choice(('http', 'HTTPS', 'ftp')), self.rand.choice(('', 'user:pa%20ss@')), host, self.rand.choice(('', '/', '/a/B.html?q=1&r=\u00fc', '/x#y')))

    def DnsName(self, t):
        return self.rand.choice((self.Fqdn(t), self.dotted(), '4.3.2.1.in-addr.arpa', '::1', 'not a name'))

    def FileBase(self, t):
        return self.word() + self.rand.choice(('.exe', '.TAR.gz', '', '.\u00e9'))

    def FilePath(self, t):
        return self.rand.choice(('C:\\Users\\%s.DLL', '/usr/local/%s', './a/../b/%s', '%s')) % self.word()

    def FileBytes(self, t):
        return self.rand.choice(('sha256:' + self.hexs(64), self.hexs(64).upper(), 'guid:' + self.hexs(32), b'bytes of ' + self.word().encode()))

    def SemVer(self, t):
        return self.rand.choice(('%d.%d.%d' % tuple(self.rand.randrange(900) for _ in range(3)), 'v1.2.3-rc1', 2 ** 40 + 5))

    def Dist(self, t):
        return self.rand.choice((self.rand.randrange(10 ** 7), '%dkm' % self.rand.randrange(500), '1.1 cm'))

    def Latitude(self, t):
        return self.rand.uniform(-90, 90)

    def Longitude(self, t):
        return self.rand.choice((self.rand.uniform(-179, 180), 180))

    def LatLong(self, t):
        return self.rand.choice(((self.rand.uniform(-90, 90), self.rand.uniform(-179, 180)), '%.4f, %.4f' % (self.rand.uniform(-90, 90), 12.5), (0, -0.0), (5e-09, 1.5e-08)))

    def Imei(self, t):
        return self.rand.choice((490154203237518, 356938035643809, self.rand.randrange(10 ** 13, 10 ** 14)))

    def Imsi(self, t):
        return self.rand.randrange(10 ** 14, 10 ** 15)

    def Phone(self, t):
        return self.rand.choice(('+1 (703) 555-%04d' % self.rand.randrange(10000), '+49 89 %d' % self.rand.randrange(10 ** 6)))

def storable(norm, top=False):
    '''Whether 0.2.0rc18 can index the value: one that it cannot index makes it lose other nodes of the batch.'''
    if norm is None:
        return not top
    if isinstance(norm, float):
        return norm == norm
    if isinstance(norm, int):
        return norm not in (-2 ** 7, -2 ** 15, -2 ** 31, -2 ** 63) and -2 ** 63 < norm < 2 ** 64
    if isinstance(norm, str):
        return not norm.endswith('\n')
    if isinstance(norm, (tuple, list)):
        return all(storable(item) for item in norm)
    return True
