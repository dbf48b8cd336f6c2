#!/usr/bin/python3
"""Random histories of documents that operators sign, judged by the product
(tests/model/approvals.c, with real CMS) and by the few rules below, written
from kskd.policy(5) and sharing nothing with it: the same verdict and the same
rules named, at every step.

KSK_APPROVALS sets how many histories; KSK_SEED repeats a run.
"""
import hashlib
import os
import random
import subprocess
import sys
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("KSK_BUILD", "build"))
HISTORIES = int(os.environ.get("KSK_APPROVALS", "150"))
SEED = int(os.environ.get("KSK_SEED", time.time_ns() % 10 ** 9))
POLICY, AUTHORITY, WITHDRAW, AUTHORISE = 1, 2, 3, 4
NAMES = {1: "policy", 2: "authority", 3: "withdraw", 4: "authorise"}
OURS, OTHER = "07" + "00" * 15, "08" + "00" * 15
NOW = 1800000000  # 2027-01-15T08:00:00Z
NONE = "0" * 64
KEYS = 24


class Product:
    def __init__(self):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "model", "approvals")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1)
        self.pins = self.process.stdout.readline().split()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        word, *rules = self.process.stdout.readline().split()
        return word == "accept", set(rules)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Document:
    """What its text says, as values; the text is made of them."""

    def __init__(self, kind, **values):
        self.kind = self.said = kind
        self.appliance, self.not_after = OURS, NOW + 3600
        self.replaces, self.version = NONE, 1
        self.operators, self.need = [0], {1: 1, 2: 1, 4: 1}
        self.salt, self.broken = 0, False
        self.__dict__.update(values)

    def text(self, pins):
        lines = [f"kind: {NAMES[self.said]}", f"appliance: {self.appliance}",
                 "not-after: " + time.strftime(
                     "%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.not_after))]
        replaces = "none" if self.replaces == NONE else self.replaces
        if self.said != AUTHORISE:
            lines.append(f"replaces: {replaces}")
        if self.said in (POLICY, AUTHORITY):
            lines.append(f"version: {self.version}")
        if self.said == POLICY:
            lines += ["clients: []", "zones: []"]
        elif self.said == AUTHORITY:
            lines.append("operators:")
            lines += [f"  - {{name: op{i}, pin: {pins[i]}}}"
                      for i in self.operators]
            lines.append("thresholds: {" + ", ".join(
                f"{NAMES[k]}: {self.need[k]}" for k in (1, 2, 4)) + "}")
        elif self.said == WITHDRAW:
            lines.append(f'keys: [{{ds: "{self.salt % 65536} 13 2 {NONE}"}}]')
        else:
            lines += ["act: accept-clock", f"journal: {OURS}", "record: 1",
                      f"record-hash: {NONE}", f"nonce: {NONE}"]
        if self.broken:
            lines.append("colour: blue")
        return "\n".join(lines) + f"\n# {self.salt}\n"


class World:
    """Who may do what: the whole model."""

    def __init__(self, first, text):
        self.put(first, text)
        self.policy, self.hash, self.taken = 0, NONE, set()

    def put(self, d, text):
        self.version, self.operators = d.version, set(d.operators)
        self.need = {**d.need, WITHDRAW: 1}
        self.authority = hashlib.sha256(text.encode()).hexdigest()

    def signers(self, kind, signed, how, also=None):
        """also: operators and need of the authority in the document."""
        known = self.operators | (set(also[0]) if also else set())
        rules, counted = set(), set()
        for key, flaw in signed:
            if flaw or how in "cl":
                rules.add("signature")
            elif key in known:
                if key in counted:
                    rules.add("operator")
                counted.add(key)
            elif kind != AUTHORITY or also:
                rules.add("operator")
        if len(counted & self.operators) < self.need[kind]:
            rules.add("quorum")
        if also and len(counted & set(also[0])) < also[1]:
            rules.add("quorum")
        return rules

    def claims(self, d):
        rules = set()
        if d.appliance != OURS:
            rules.add("appliance")
        if d.not_after <= NOW:
            rules.add("not-after")
        due = {POLICY: self.hash, WITHDRAW: self.hash,
               AUTHORITY: self.authority}
        if d.kind in due and d.replaces != due[d.kind]:
            rules.add("replaces")
        if d.kind == POLICY and d.version <= self.policy or \
                d.kind == AUTHORITY and d.version != self.version + 1:
            rules.add("version")
        return rules

    def judge(self, d, text, signed, how):
        if len(signed) > 16 or how in "tb":
            return {"document"}
        rules = self.signers(d.kind, signed, how)
        if d.kind != d.said:
            rules.add("kind")
        if rules:
            return rules
        if d.broken or d.kind == AUTHORITY and \
                max(d.need.values()) > len(d.operators):
            return {"document"}
        rules = self.claims(d)
        if d.kind == AUTHORITY:
            rules |= self.signers(AUTHORITY, signed, how,
                                  (d.operators, d.need[AUTHORITY]))
        if not rules and d.kind == WITHDRAW and text in self.taken:
            rules = {"withdraw"}
        if not rules:
            self.effect(d, text)
        return rules

    def effect(self, d, text):
        if d.kind == AUTHORITY:
            self.put(d, text)
        elif d.kind == POLICY:
            self.policy = d.version
            self.hash = hashlib.sha256(text.encode()).hexdigest()
        elif d.kind == WITHDRAW:
            self.taken.add(text)


class Story:
    def __init__(self, r):
        self.r = r
        self.number = 0
        self.old = []

    def authority(self, **more):
        r = self.r
        operators = r.sample(range(KEYS), r.randint(1, 6))
        need = {k: r.randint(1, len(operators)) for k in (1, 2, 4)}
        return Document(AUTHORITY, operators=operators, need=need, **more)

    def right(self, w):
        """A document that may take effect, with enough signers."""
        r = self.r
        self.number += 1
        kind = r.choices((1, 2, 3, 4), (5, 3, 2, 1))[0]
        more = {"salt": self.number}
        if kind == AUTHORITY:
            d = self.authority(version=w.version + 1, replaces=w.authority,
                               **more)
            signers = set(r.sample(d.operators, d.need[AUTHORITY]))
        else:
            d = Document(kind, replaces=w.hash, **more)
            d.version = w.policy + r.randint(1, 3)
            signers = set()
        most = sorted(w.operators)
        while len(signers & w.operators) < w.need[kind]:
            signers.add(r.choice(most))
        signed = [(s, "") for s in signers]
        r.shuffle(signed)
        return d, signed, "-"

    def wrong(self, w, d, signed, how):
        """One thing is another: perhaps still right."""
        r = self.r
        turn = r.randint(0, 14)
        if turn == 0 and len(signed) > 1:
            signed.pop()
        elif turn == 1:
            signed.append((r.randrange(KEYS), ""))
        elif turn == 2:
            signed.append((signed[0][0], ""))
        elif turn == 3:
            signed[0] = (signed[0][0], r.choice("nh"))
        elif turn == 4:
            how = r.choice("tbcl")
        elif turn == 5:
            d.appliance = OTHER
        elif turn == 6:
            d.not_after = NOW - r.randint(0, 9)
        elif turn == 7:
            d.replaces = r.choice((NONE, w.hash, w.authority, "ab" * 32))
        elif turn == 8:
            d.version = max(1, d.version - r.randint(0, 3))
        elif turn == 9:
            d.said = r.choice((1, 2, 3, 4))
        elif turn == 10:
            d.broken = True
        elif turn == 11:
            d.need[r.choice((1, 2, 4))] += r.randint(1, 4)
        elif turn == 12:
            signed = [(i, "") for i in r.sample(range(KEYS), 17)]
        elif turn == 13:
            signed = [(i, "") for i in r.sample(range(KEYS),
                                                r.randint(1, 16))]
        elif self.old:
            return r.choice(self.old)
        return d, signed, how

    def step(self, w):
        d, signed, how = self.right(w)
        for _ in range(self.r.choice((0, 0, 1, 1, 2))):
            d, signed, how = self.wrong(w, d, list(signed), how)
        self.old.append((d, signed, how))
        return d, signed, how


class Histories(unittest.TestCase):
    def test_same_word(self):
        product = Product()
        self.addCleanup(product.close)
        r = random.Random(SEED)
        counts = {True: 0, False: 0}
        seen = set()
        for _ in range(HISTORIES):
            story = Story(r)
            first = story.authority()
            text = first.text(product.pins)
            self.assertTrue(product.ask(f"begin {text.encode().hex()}")[0])
            w = World(first, text)
            for _ in range(r.randint(3, 12)):
                d, signed, how = story.step(w)
                text = d.text(product.pins)
                said, rules = product.ask(
                    f"doc {d.kind} {text.encode().hex()} "
                    + ",".join(f"{k}{f}" for k, f in signed)
                    + f" {how}")
                due = w.judge(d, text, signed, how)
                self.assertEqual((said, rules), (not due, due),
                                 f"KSK_SEED={SEED}\n{text}{signed} {how}")
                counts[said] += 1
                seen |= rules
        print(f"\nKSK_SEED={SEED}: {counts[True]} accepted, "
              f"{counts[False]} refused, for {sorted(seen)}\n... ", end="",
              file=sys.stderr, flush=True)
        self.assertGreater(counts[True], HISTORIES)
        self.assertGreater(counts[False], HISTORIES)


if __name__ == "__main__":
    sys.exit(unittest.main())
