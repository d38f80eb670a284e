"""Opens a slab as Synapse does, looks up every row, edits each db at random, and compares with a model.

usage: edit_slab.py SLAB EDITS SEED COPY [VALUE_SIZE]

Writes a compacted copy of the edited slab to COPY. Prints one JSON object: rows found and rows left by db. VALUE_SIZE limits new values.
"""
import json
import os
import random
import sys

import lmdb


def main(path, edits, seed, copy, value_size=3000):
    rng = random.Random(int(seed))
    env = lmdb.open(path, map_size=1 << 30, max_dbs=128, writemap=True, map_async=True)
    found, left = {}, {}
    with env.begin() as txn:
        names = [key for key, _ in txn.cursor()]
    for name in names:
        with env.begin() as txn:
            is_dup = env.open_db(name, txn, create=False).flags(txn)['dupsort']
        db = env.open_db(name, dupsort=is_dup)
        model = Model(env, db, is_dup)
        found[name.decode()] = len(model.rows)
        for start in range(0, int(edits), 50):
            with env.begin(write=True, db=db) as txn:
                for _ in range(min(50, int(edits) - start)):
                    model.edit(txn, rng, int(value_size))
            model.check()
        left[name.decode()] = len(model.rows)
    env.sync(True)
    os.mkdir(copy)
    env.copy(copy, compact=True)
    env.close()
    print(json.dumps({'found': found, 'left': left}))


class Model:
    def __init__(self, env, db, is_dup):
        self.env, self.db, self.is_dup = env, db, is_dup
        with env.begin(db=db) as txn:
            self.rows = {(k, v if is_dup else None): v for k, v in txn.cursor()}
            assert len(self.rows) == txn.stat(db)['entries']
            for key, value in self.rows.items():
                self.lookup(txn, key[0], value)

    def lookup(self, txn, key, value):
        if self.is_dup:
            assert txn.cursor().set_key_dup(key, value), key.hex()
            assert txn.get(key) is not None, key.hex()
        else:
            assert txn.get(key) == value, key.hex()

    def edit(self, txn, rng, value_size):
        known = rng.choice(list(self.rows)) if self.rows else None
        if known is not None and rng.random() < 0.45:
            key, value = known
            assert txn.delete(key, value if self.is_dup else b''), key.hex()
            del self.rows[known]
            return
        if known is not None and rng.random() < 0.7:
            key = known[0] if self.is_dup or rng.random() < 0.2 else near(known[0], rng)
        else:
            key = rng.randbytes(rng.randint(1, 60)) if hasattr(rng, 'randbytes') else os.urandom(rng.randint(1, 60))
        size = rng.choice((1, 8, 32, 40, 200, 511)) if self.is_dup else rng.choice((0, 10, 100, 1900, 2100, value_size))
        value = bytes(rng.getrandbits(8) for _ in range(size))
        txn.put(key, value)
        self.rows[(key, value if self.is_dup else None)] = value

    def check(self):
        with self.env.begin(db=self.db) as txn:
            assert txn.stat(self.db)['entries'] == len(self.rows)
            want = sorted((k, v) for (k, _), v in self.rows.items())
            assert list(txn.cursor()) == want


def near(key, rng):
    """A key that sorts just behind another one."""
    return (key + bytes([rng.getrandbits(8)]))[:511]


if __name__ == '__main__':
    main(*sys.argv[1:])
