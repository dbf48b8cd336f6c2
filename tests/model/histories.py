# SPDX-License-Identifier: BSD-2-Clause
"""Random histories of one zone: sets that gain and lose keys, back-dated and
ahead, schedules of them, CDS and CDNSKEY, operators that change the policy in every way it can change,
providers that announce their keys, adoptions. Nobody obeys anything here; only the two judges must agree.
"""
import random
from dataclasses import replace

import rules
from rules import ALL, Box, KeyEntry, Ksk, Policy, Provider, Times

SEEN = {"permit": 0}
# Corrections whose lack these histories show; of the others stories tell.
SHOWN = ("start", "offset", "lacking", "signdelay", "retired", "newest",
         "unused", "samealg", "scope", "keep", "leaving", "until", "algwait",
         "dssets", "algdata", "gap", "dates", "kept")
STEPS = 24


def count(bad):
    for rule in bad or ["permit"]:
        SEEN[rule] = SEEN.get(rule, 0) + 1


class History:
    def __init__(self, seed, box=None):
        self.r = random.Random(seed)
        self.t = 0
        self.algs = self.r.choice(("e", "e", "er"))
        self.names = ["alpha", "beta", "gamma"][:self.r.randint(1, 3)]
        self.zsks = {n: [f"z{n[0]}{i}.{a}" for i in range(3)
                         for a in self.algs] for n in self.names}
        self.ksks = ["k1.e", "k2.e"] + (["k9.r"] if "r" in self.algs else [])
        self.long = self.r.random() < 0.2
        self.parents = self.r.random() < 0.3    # much of KSKs and DS
        self.cosigner = self.r.random() < 0.15
        self.box = (box or Box)(self.first_policy())
        self.last = {"CDS": -99, "CDNSKEY": -99}
        for _ in self.names:
            self.announce()

    def first_policy(self):
        r = self.r
        ttl, p = r.randint(1, 6), r.randint(1, 3)
        co = frozenset({"x9.e"}) if self.cosigner else frozenset()
        return Policy(
            ttl=ttl, P=p, Z=r.randint(1, 8), SD=r.randint(0, 3),
            offset=r.randint(0, 3), PT=r.randint(1, 6), PP=r.randint(0, 3),
            validity=r.choice((40, 120)), refresh=ttl + p + r.randint(0, 5),
            horizon=r.choice((0, 60)),
            ksk=(("k1.e", Ksk(frm=-99)),) + (
                (("k9.r", Ksk(frm=-99)),) if r.random() < 0.4 and
                "r" in self.algs else ()),
            parent_ds=frozenset(r.sample(["k1.e"], r.randint(0, 1))) |
            (co if r.random() < 0.5 else frozenset()),
            providers=tuple((n, self.provider(n)) for n in self.names),
            cosigners=co, cosigner_ds=co if r.random() < 0.7 else
            frozenset())

    def provider(self, name, old=None):
        r = self.r
        keys = []
        announced = old.announced if old and r.random() < 0.9 else \
            r.random() < 0.3
        cert = old.cert if old else 0
        for k in self.zsks[name]:
            e = old.entry(k) if old else None
            if e is None and r.random() < (0.9 if announced else 0.2):
                continue
            e = e or KeyEntry()
            if r.random() < 0.08:
                e = replace(e, retired=r.choice(
                    (None, self.t - r.randint(0, 5), self.t + 2)))
            if r.random() < 0.05:
                e = replace(e, withdrawn=not e.withdrawn)
            keys.append((k, e))
        state = old.state if old and r.random() < 0.8 else \
            r.choice(("serving", "serving", "joining", "leaving"))
        gone = None if state != "leaving" or r.random() < 0.4 else \
            self.t - r.randint(-3, 9)
        return Provider(state=state, keys=tuple(keys), gone=gone,
                        max_keys=r.choice((3, 3, 6, 2)), announced=announced,
                        cert=1 - cert if r.random() < 0.05 else cert)

    # -- one step each --
    def in_effect(self):
        cur = self.box.in_effect(self.t)
        return {k for k in cur.keys if k.startswith("z")} if cur else set()

    def wanted(self):
        """A set of ZSKs that somebody may ask for."""
        r, now = self.r, self.in_effect()
        every = [k for n in self.names for k in self.zsks[n]]
        kind = r.random()
        if kind < 0.3 and now:
            return now
        if kind < 0.75 and now:
            for _ in range(r.randint(1, 2)):
                now ^= {r.choice(every)}
            return now
        chosen = set()
        for n in self.names:
            for a in self.algs:
                if a == "e" or r.random() < 0.6:
                    chosen |= set(r.sample(
                        [k for k in self.zsks[n] if k[-1] == a],
                        r.randint(1, 2)))
        return chosen

    def sign(self):
        r, pol = self.r, self.box.pol
        kw = {"supersedes": r.random() < 0.6}
        if r.random() < 0.15:
            kw["inc"] = self.t - r.randint(0, pol.validity + 2)
        elif r.random() < 0.2:
            kw["inc"] = self.t + r.choice((
                pol.P, pol.P + 1, r.randint(0, pol.horizon + 1)))
        if r.random() < 0.05:
            kw["exp"] = kw.get("inc", self.t) + r.randint(0, pol.validity + 1)
        count(self.box.sign("DNSKEY", frozenset(self.wanted()), self.t, **kw))

    def schedule(self):
        """Two or three bundles, most of them in order and overlapping."""
        r, pol = self.r, self.box.pol
        inc, bundles, keys = self.t + r.choice((-1, 0, 0, 1, 3)), [], None
        for _ in range(r.randint(2, 3)):
            keys = self.wanted() if keys is None or r.random() < 0.6 else keys
            if keys and bundles and r.random() < 0.4:
                keys = keys ^ {r.choice([k for n in self.names
                                         for k in self.zsks[n]])}
            exp = inc + (pol.validity if r.random() < 0.7 else
                         r.randint(pol.ttl, pol.validity))
            bundles.append((frozenset(keys), inc, exp))
            inc += r.choice((0, 1, pol.P + pol.ttl, 9, 14, 25, 40))
        bad = self.box.schedule(bundles, self.t, r.random() < 0.6)
        SEEN["schedule refused" if bad else "schedule"] = \
            SEEN.get("schedule refused" if bad else "schedule", 0) + 1
        for rule in bad:
            SEEN[rule] = SEEN.get(rule, 0) + 1

    def cds(self):
        r, pol = self.r, self.box.pol
        typ = r.choice(("CDS", "CDS", "CDNSKEY"))
        other = self.box.head("CDNSKEY" if typ == "CDS" else "CDS")
        kind = r.random()
        if kind < 0.5:
            want = {k for k, e in pol.ksk if e.cds and
                    k in self.box.standing_in_effect(self.t)} | \
                pol.cosigner_ds
        elif kind < 0.6 and other:
            want = other.keys
        elif kind < 0.7:
            want = self.box.snaps[-1][1]
        elif kind < 0.9:
            want = r.sample(self.ksks, r.randint(1, len(self.ksks)))
        else:
            want = ()
        inc = max(self.t - pol.offset, self.last[typ] + r.choice((1, 1, 0)))
        if r.random() < 0.15:
            inc += r.randint(1, 8)
        bad = self.box.sign(typ, frozenset(want), self.t,
                            supersedes=r.random() < 0.8, inc=inc)
        if not bad:
            self.last[typ] = inc
        count(bad)

    def ksk_list(self):
        r, out = self.r, []
        for k in self.ksks:
            x = r.random()
            cds = r.random() < 0.8
            if x < 0.55:
                out.append((k, Ksk(frm=-99, cds=cds)))
            elif x < 0.75:
                out.append((k, Ksk(frm=-99, cds=cds,
                                   until=self.t + r.randint(-5, 10))))
            elif x < 0.9:
                out.append((k, Ksk(frm=self.t + r.randint(-2, 10), cds=cds)))
        return tuple(out) or self.box.pol.ksk

    def attest(self):
        r, pol = self.r, self.box.pol
        seen = self.box.snaps[-1][0] + r.randint(1, 8)
        if r.random() < 0.5:
            # The moment at which the parent can't act on a set any more.
            typ = r.choice(list(self.last))
            times = Times(self.box.tl[typ], pol, ALL)
            seen = max([times.gone(a) + pol.PP for a in self.box.tl[typ]
                        if times.gone(a) + pol.PP <= self.t], default=seen)
        seen = min(seen, self.t)
        if seen <= self.box.snaps[-1][0]:
            return {}
        sets = [x for _, x in self.box.snaps[-3:]] + \
            [a.keys for t in self.last for a in self.box.tl[t][-3:]] + \
            [frozenset(r.sample(self.ksks, r.randint(0, 2)))]
        return {"parent_ds": r.choice(sets), "seen": seen}

    def waits(self):
        r, pol = self.r, self.box.pol
        ttl, p = r.randint(1, 6), r.randint(1, 3)
        return {"ttl": ttl, "P": p, "Z": r.randint(1, 8),
                "SD": r.randint(0, 3), "PT": r.randint(1, 6),
                "PP": r.randint(0, 3), "offset": r.randint(0, 3),
                "refresh": ttl + p + r.randint(0, 5),
                "horizon": r.choice((pol.horizon, 0, 60))}

    def announce(self):
        """A provider that announces its keys says which: most of them good,
        some over, some yet to begin."""
        r = self.r
        names = [n for n, p in self.box.pol.providers if p.announced]
        if not names:
            return
        name = r.choice(names)
        keys = [(k, None if r.random() < 0.8 else self.t - r.randint(-3, 6))
                for k in self.zsks[name] if r.random() < 0.7]
        begin = self.t - r.choice((0, 1, 9, 30, -4))
        end = begin + r.choice((20, 60, 2000, 2000))
        if keys and self.t < end:
            self.box.announce(name, keys, begin, end, self.t)
            SEEN["announce"] = SEEN.get("announce", 0) + 1

    def load(self):
        r, pol = self.r, self.box.pol
        kind = r.uniform(0.45, 0.85) if self.parents else r.random()
        if kind < 0.45:
            name = r.choice(self.names)
            old = dict(pol.providers).get(name)
            new = None if r.random() < 0.1 and len(pol.providers) > 1 else \
                self.provider(name, old)
            if new is None and old is None:
                return
            changed = pol.with_provider(name, new)
        elif kind < 0.65:
            changed = replace(pol, ksk=self.ksk_list())
        elif kind < 0.85:
            changed = replace(pol, **self.attest())
        elif kind < 0.95:
            changed = replace(pol, **self.waits())
        else:
            changed = replace(pol, cds_delete=not pol.cds_delete)
        if r.random() < (0.25 if changed.ksk != pol.ksk else 0.05):
            changed = replace(changed, outage=True)
        elif pol.outage:
            changed = replace(changed, outage=False)
        bad = self.box.load(changed, self.t)
        SEEN["load refused" if bad else "load"] = \
            SEEN.get("load refused" if bad else "load", 0) + 1

    def adopt(self):
        pol = self.box.pol
        signers = {k for k, _ in pol.ksk}
        zsks = self.wanted()
        inc = self.t - self.r.randint(0, 20)
        self.box.adopt(zsks, signers, inc, inc + pol.validity, self.t,
                       self.r.choice((None, 2, 9)))

    def step(self):
        x = self.r.random()
        self.t += self.r.choice((0, 1, 1, 2, 3, 5, 9, 14))
        if self.long and x < 0.05:
            self.t += 800           # hours: what is older may be forgotten
        if x < (0.3 if self.parents else 0.55):
            if self.r.random() < 0.25:
                self.schedule()
            else:
                self.sign()
        elif x < (0.65 if self.parents else 0.72):
            self.cds()
        elif x < 0.985:
            if self.r.random() < 0.25:
                self.announce()
            self.load()
        else:
            self.adopt()


def play(seed, box=None):
    h = History(seed, box)
    if h.r.random() < 0.25:
        h.adopt()
    for _ in range(STEPS):
        h.step()
    return h


def shows(fix, seed, tries=2000):
    """True if the model without that correction and the product differ in
    one of so many histories."""
    import judge

    class Without(judge.Box):
        def __init__(self, pol):
            super().__init__(pol, ALL - {fix})
            self.compare = True

    for i in range(tries):
        try:
            play(seed + i, Without)
        except judge.Different:
            return True
    return False
