#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""An export of a million records that is damaged, one change at a time, in
places a seed decides: `kskctl journal verify` with the audit key must find
every one, and take the undamaged one. Part of `make soak`.

    journal.py [--records N] [--changes N] [--seed S]
"""
import argparse
import collections
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time

import cbor2

BUILD = os.environ.get("KSK_BUILD", "build")
VERIFY_SECONDS = 15.0
UNVERIFIED = 6
RECORD, CHECKPOINT, MARK = 1, 2, 3


def item(kind, value):
    return cbor2.dumps([kind, cbor2.dumps(value, canonical=True)],
                       canonical=True)


class Export:
    def __init__(self, data):
        self.data = data
        self.start, self.kind = [], []
        at = 0
        while at < len(data):
            self.start.append(at)
            self.kind.append(data[at + 1])
            head = data[at + 2]
            size = {0x58: 1, 0x59: 2, 0x5a: 4}.get(head, 0)
            length = int.from_bytes(data[at + 3:at + 3 + size], "big") \
                if size else head & 0x1f
            at += 3 + size + length
        self.start.append(at)
        assert at == len(data), "the export does not end with an item"
        self.records = [i for i, k in enumerate(self.kind) if k == RECORD]

    def raw(self, i, j=None):
        return self.data[self.start[i]:self.start[i + 1 if j is None else j]]

    def value(self, i):
        return cbor2.loads(cbor2.loads(self.raw(i))[1])

    def replace(self, i, j, new):
        """Without items i to j, new in their place."""
        return [self.data[:self.start[i]], new, self.data[self.start[j]:]]


# ---- what somebody does to it: each gives the parts of a new file ----

def flip(e, rng):
    bit = rng.randrange(len(e.data) * 8)
    return [e.data[:bit // 8], bytes([e.data[bit // 8] ^ 1 << bit % 8]),
            e.data[bit // 8 + 1:]]


def drop(e, rng):
    i = rng.choice(e.records)
    return e.replace(i, i + 1, b"")


def repeat(e, rng):
    i = rng.choice(e.records)
    return e.replace(i, i + 1, e.raw(i) * 2)


def swap(e, rng):
    i, j = sorted(rng.sample(e.records, 2))
    return [e.data[:e.start[i]], e.raw(j), e.raw(i + 1, j), e.raw(i),
            e.data[e.start[j + 1]:]]


def splice(e, rng):
    """Records of another place, with the right numbers."""
    i, j = rng.sample(e.records, 2)
    return e.replace(i, i + 1, item(RECORD, {**e.value(j), 1: e.value(i)[1]}))


def chained(e, rng):
    """A record changed near the end, and everything behind it chained anew
    but for the checkpoints: who did it has no audit key."""
    behind = next(i for i in reversed(range(len(e.kind)))
                  if e.kind[i] == CHECKPOINT)
    target = rng.choice([i for i in e.records[-5000:] if i < behind])
    # The last record before it whose hash stands in the file.
    at = next(i for i in reversed(range(target)) if e.kind[i] == CHECKPOINT)
    last, out = e.value(at)[3], []
    for i in range(at + 1, len(e.kind)):
        raw = e.raw(i)
        if e.kind[i] == RECORD:
            body = cbor2.loads(raw)[1]
            if i == target:
                value = e.value(i)
                body = cbor2.dumps({**value, 2: value[2] + 1}, canonical=True)
                raw = cbor2.dumps([RECORD, body], canonical=True)
            last = hashlib.sha256(b"ksk-record-1" + last + body).digest()
        elif e.kind[i] == MARK:
            raw = item(MARK, {**e.value(i), 2: last})
        out.append(raw)
    return [e.data[:e.start[at + 1]], b"".join(out)]


def cut(e, rng):
    """Shortened to one of its marks: whole in itself."""
    marks = [i for i, k in enumerate(e.kind) if k == MARK][:-1]
    return [e.data[:e.start[rng.choice(marks) + 1]]]


CHANGES = [flip, flip, drop, repeat, swap, splice, chained, cut]


def verify(*argv):
    """-> (exit code, words)"""
    done = subprocess.run(
        [os.path.join(BUILD, "kskctl"), "journal", "verify", *argv],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr.strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)))
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    rng, bad = random.Random(args.seed), []
    found = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="ksk soak.") as folder:
        whole, key, kept, changed = (os.path.join(folder, x) for x in (
            "journal.ksk", "audit.key", "kept", "changed"))
        subprocess.run([os.path.join(BUILD, "tests/bench/bench_journal"),
                        str(args.records), whole, key], check=True)
        with open(whole, "rb") as f:
            e = Export(f.read())
        # What an auditor keeps elsewhere: the last checkpoint alone.
        with open(kept, "wb") as f:
            f.write(e.raw(next(i for i in reversed(range(len(e.kind)))
                               if e.kind[i] == CHECKPOINT)))
        begin = time.monotonic()
        code, words = verify(whole, "--audit-key", key, "--checkpoint", kept)
        took = time.monotonic() - begin
        if code != 0:
            bad.append(f"the whole one: {code} {words}")
        for i in range(args.changes):
            change = CHANGES[i % len(CHANGES)]
            with open(changed, "wb") as f:
                f.writelines(change(e, rng))
            code, words = verify(changed, "--audit-key", key, "--checkpoint",
                                 kept)
            if code == UNVERIFIED:
                found[change.__name__] += 1
            else:
                bad.append(f"change {i}, {change.__name__}: {code} {words}")
    print(f"{args.records} records verified in {took:.2f} s; "
          f"{sum(found.values())} of {args.changes} changes found: "
          + ", ".join(f"{n} {k}" for k, n in sorted(found.items())))
    if took > VERIFY_SECONDS:
        bad.append(f"verifying took more than {VERIFY_SECONDS} s")
    for text in bad:
        print("BAD", text)
    print("as it must be" if not bad else "NOT as it must be")
    return 0 if not bad else 1


if __name__ == "__main__":
    sys.exit(main())
