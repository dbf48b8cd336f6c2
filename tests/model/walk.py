"""Walks through small worlds: whatever the rules accept must never be bogus, and a refresh must always be possible.

exhaustive(): one provider, two or three ZSKs, every sequence of up to `acts` requests over `steps` instants, the provider
using its newest covered key at once. Every history of deliveries and caches is inside World.run.
zsk(), ksk(): random walks in bigger worlds (immediate, back-dated and scheduled requests, superseding, two providers,
one of them slow and declaring `retired`; parents that act on any CDS they could have seen; operators who look late).
"""
import random
import time
from itertools import combinations
from dataclasses import replace
from rules import ALL, INF, Answer, Box, Ksk, KeyEntry, Policy, Provider, Times
from stories import prov
from world import World

SMALL = dict(ttl=2, P=1, Z=2, PT=2, PP=1, SD=1, offset=0, validity=60, refresh=10)


def subsets(keys):
    return [frozenset(c) for n in range(1, len(keys) + 1) for c in combinations(sorted(keys), n)]


def prompt(box, world, name, t, using):
    """A provider that begins with its newest covered key as soon as there is one (it counts for itself)."""
    p = dict(box.pol.providers)[name]
    dn = box.tl["DNSKEY"]
    at = lambda a: max(a.inc, a.rel)
    seen = [a for a in dn if at(a) <= t or any(b.seq > a.seq and at(b) <= at(a) for b in dn)]   # not what is planned
    times = Times(dn, box.pol, ALL)
    cur = box.in_effect(t)

    def covered(k):
        return all(k in a.keys or not times.served(a) or times.gone(a) <= t for a in seen)

    last = cur.seq if cur else -1
    known = [k for k in (cur.keys if cur else ()) if p.entry(k) and covered(k) and p.entry(k).retired is None]
    if not known:
        return using
    entered = {k: times.run(k, last).seq for k in known}
    best = max(known, key=lambda k: (entered[k], k == using, k))
    if best != using:
        world.use(name, [best], t)
    return best


def start(pol, fix, zsks, users):
    """Zone signed long ago with the DS of k1.e at the parent."""
    box, world = Box(pol, fix), World(pol, first=-60)
    world.ds = [(-INF, pol.parent_ds)]
    a = Answer(1, "DNSKEY", frozenset(zsks) | {"k1.e"}, frozenset({"k1.e"}), pol.ttl, -50 - pol.offset, 10 ** 6, -50)
    box.tl["DNSKEY"].append(a)
    box.seq = 1
    world.add(a)
    for name, k in users.items():
        world.use(name, [k], -60)
    world.first = -20
    world.uses = {n: [(-60, v[0][1])] for n, v in world.uses.items()}
    return box, world


def refresh_possible(box, t):
    cur = box.in_effect(t)
    zsks = frozenset(k for k in cur.keys if k.startswith("z"))
    bad, _ = box.judge("DNSKEY", zsks, t, supersedes=True)
    return bad


def exhaustive(fix=ALL, keys=("z1.e", "z2.e"), steps=16, acts=3, until=None, **kw):
    pol = Policy(**{**SMALL, **kw}, ksk=(("k1.e", Ksk(frm=-999)),), parent_ds=frozenset({"k1.e"}),
                 providers=(("alpha", prov(*keys)),))
    sets, seen = subsets(keys), {"histories": 0, "accepted": 0}
    found = []

    def copy(box, world):
        b = Box(pol, fix, {k: list(v) for k, v in box.tl.items()}, list(box.snaps), list(box.old), box.seq)
        w = World(pol, world.first)
        w.answers, w.ds = list(world.answers), list(world.ds)
        w.uses = {k: list(v) for k, v in world.uses.items()}
        return b, w

    def go(box, world, t, left, using, trail):
        if found or (until and time.time() > until):
            return
        while t < steps:
            stuck = refresh_possible(box, t)
            if stuck:
                found.append(f"deadlock at {t} after {trail}: {stuck}")
                return
            if left:
                for s in sets:
                    b, w = copy(box, world)
                    if not b.sign("DNSKEY", s, t):
                        seen["accepted"] += 1
                        w.add(b.tl["DNSKEY"][-1])
                        u = prompt(b, w, "alpha", t, using)
                        go(b, w, t + 1, left - 1, u, trail + [(t, sorted(s))])
                        if found:
                            return
            using = prompt(box, world, "alpha", t, using)
            t += 1
        seen["histories"] += 1
        harm = world.run(-5, steps + 6)
        if harm:
            found.append(f"after {trail}: {harm}")

    box, world = start(pol, fix, keys[:1], {"alpha": keys[0]})
    go(box, world, 0, acts, keys[0], [])
    return found, seen, bool(until and time.time() > until)


def zsk(seed, fix=ALL, steps=70):
    """Owner asks anything; alpha is prompt; beta is slow and its keys leave only after it has declared them retired."""
    r = random.Random(seed)
    pol = Policy(ttl=r.randint(1, 5), P=r.randint(1, 3), Z=r.randint(1, 6), SD=r.randint(0, 2), offset=r.randint(0, 3),
                 PT=3, PP=1, validity=110, refresh=12, ksk=(("k1.e", Ksk(frm=-999)),),
                 parent_ds=frozenset({"k1.e"}),
                 providers=(("alpha", prov("z1.e", "z2.e", "z3.e")), ("beta", prov("zb1.e", "zb2.e"))))
    box, world = start(pol, fix, ("z1.e", "zb1.e"), {"alpha": "z1.e", "beta": "zb1.e"})
    using, beta, trail, accepted = "z1.e", "zb1.e", [], 0
    a_sets, both = subsets(("z1.e", "z2.e", "z3.e")), frozenset({"zb1.e", "zb2.e"})
    last_sign = -50
    for t in range(steps):
        stuck = refresh_possible(box, t)
        if stuck:
            return f"seed {seed}: deadlock at {t}: {stuck} after {trail}", accepted
        if r.random() < 0.25:
            old = dict(box.pol.providers)["beta"]
            out = frozenset(k for k, e in old.keys if e.retired is not None)
            zb = both if not out or r.random() < 0.3 else both - out
            if "zb2.e" not in box.head().keys and r.random() < 0.5:
                zb = frozenset({"zb1.e"})
            want = r.choice(a_sets) | zb
            if out and not (zb & out) and beta in out:
                want |= out
            kind, before = r.random(), len(box.tl["DNSKEY"])
            if kind < 0.5:
                bad = box.sign("DNSKEY", want, t, supersedes=r.random() < 0.6)
            elif kind < 0.65:
                bad = box.sign("DNSKEY", want, t, supersedes=True, inc=t - r.randint(0, 20))
            else:
                w2 = r.choice(a_sets) | zb
                i = r.randint(0, 6)
                bad = box.schedule([(want, t + i, t + i + 100), (w2, t + i + r.randint(1, 24), t + i + 101)], t,
                                   supersedes=r.random() < 0.7)
            if not bad:
                for a in box.tl["DNSKEY"][before:]:
                    world.add(a)
                    trail.append((t, a.inc, sorted(k for k in a.keys if k[0] == "z")))
                accepted += 1
        using = prompt(box, world, "alpha", t, using)
        # beta: maybe switches to a covered key that stays; says so when its last old signature is replaced
        times = Times(box.tl["DNSKEY"], box.pol, ALL)
        if r.random() < 0.1 and beta == "zb1.e" and times.covered_from("zb2.e") <= t and "zb2.e" in box.in_effect(t).keys:
            world.use("beta", ["zb2.e"], t)
            beta = "zb2.e"
            if not box.load(box.pol.with_provider("beta", prov(("zb1.e", KeyEntry(retired=t + pol.SD)), "zb2.e")), t):
                trail.append((t, "beta retires zb1"))
    harm = world.run(-5, steps)          # the provider has acted up to here
    return (f"seed {seed}: {harm} after {trail} {pol}" if harm else None), accepted


def ksk(seed, fix=ALL, steps=110, keys=("k1.e", "k2.e", "k3.e"), zsks=("z1.e",)):
    """KSKs of one algorithm come and go; the parent follows any CDS it can see; operators attest what they saw."""
    r = random.Random(seed)
    pol = Policy(ttl=r.randint(1, 4), P=r.randint(1, 2), Z=2, SD=1, offset=r.randint(0, 2), PT=r.randint(1, 5),
                 PP=r.randint(0, 2), validity=160, refresh=20, parent_ds=frozenset({"k1.e"}),
                 ksk=(("k1.e", Ksk(frm=-999)),), providers=(("alpha", prov(*zsks)),))
    box, world = start(pol, fix, ("z1.e",), {"alpha": "z1.e"})
    signing = frozenset({"z1.e"})
    published = {"CDS": World(pol), "CDNSKEY": World(pol)}
    acted = {"CDS": -1, "CDNSKEY": -1}          # the newest that the parent has acted on
    trail, accepted, last = [], 0, {"CDS": 0, "CDNSKEY": 0}
    for t in range(steps):
        stuck = refresh_possible(box, t)
        if stuck:
            return f"seed {seed}: deadlock at {t}: {stuck} after {trail}", accepted
        if r.random() < 0.12:                   # operators change the KSK list
            ks = {}
            for k in keys:
                x = r.random()
                if x < 0.55:
                    ks[k] = Ksk(frm=-999)
                elif x < 0.75:
                    ks[k] = Ksk(frm=-999, until=t + r.randint(-5, 10))
                elif x < 0.85:
                    ks[k] = Ksk(frm=t + r.randint(0, 10))
            if ks and not box.load(replace(box.pol, ksk=tuple(ks.items())), t):
                trail.append((t, "ksk", sorted(ks.items())))
        if r.random() < 0.2 and not box.sign("DNSKEY", r.choice(subsets(zsks)), t, supersedes=True):
            world.add(box.tl["DNSKEY"][-1])
            trail.append((t, "set", sorted(box.tl["DNSKEY"][-1].keys)))
            accepted += 1
        if r.random() < 0.2:
            want = r.choice(subsets(keys))
            box.load(replace(box.pol, ksk=tuple((k, replace(e, cds=k in want)) for k, e in box.pol.ksk)), t)
            # both types at once, or only one of them
            for typ in r.choice((("CDS",), ("CDNSKEY",), ("CDS", "CDNSKEY"), ("CDNSKEY", "CDS"))):
                if not box.sign(typ, want, t, supersedes=True, inc=max(t - pol.offset, last[typ] + 1)):
                    last[typ] = box.tl[typ][-1].inc
                    published[typ].add(box.tl[typ][-1])
                    trail.append((t, typ, sorted(want)))
                    accepted += 1
        if len(zsks) > 1:                       # one ZSK of each algorithm: sign with it while it is covered and listed
            times = Times(box.tl["DNSKEY"], pol, ALL)
            holds = [a for a in box.tl["DNSKEY"] if times.served(a) and times.gone(a) > t]
            now = frozenset(k for k in zsks if times.covered_from(k) <= t and k in box.in_effect(t).keys
                            or k in signing and any(k in a.keys for a in holds))
            if now != signing:
                world.use("alpha", now, t)
                trail.append((t, "alpha signs with", sorted(now)))
                signing = now
        if r.random() < 0.15:                   # the parent acts on a CDS it can have seen within CDS TTL, newest or not
            typ = r.choice(("CDS", "CDNSKEY"))
            now = set()
            for back in range(pol.ttl):
                now |= {a for a in published[typ].serving("own", t - back) if a}
            now = [a for a in now if a.seq >= acted[typ]]
            if now:
                a = r.choice(sorted(now, key=lambda a: a.seq))
                acted[typ] = a.seq
                # a pair with the same keys is one: the parent does not go back behind its other half either
                for other in set(acted) - {typ}:
                    acted[other] = min([b.seq for b, _ in published[other].answers if b.keys == a.keys
                                        and b.seq >= acted[other] and max(b.inc, b.rel) <= t], default=acted[other])
                if a.keys != world.ds[-1][1]:
                    world.ds.append((t, a.keys))
                    trail.append((t, "parent", sorted(a.keys)))
        if r.random() < 0.2:
            d = world.ds[-1][1]
            if d != box.pol.parent_ds or r.random() < 0.5:
                bad = box.load(replace(box.pol, parent_ds=d, seen=t), t)
                trail.append((t, "seen", sorted(d), bad))
                if bad:
                    return f"seed {seed}: a true attestation is refused at {t}: {bad} after {trail}", accepted
    harm = world.run(-5, steps + 3)
    return (f"seed {seed}: {harm} after {trail} {pol}" if harm else None), accepted


def algorithms(seed, fix=ALL):
    """The same with two algorithms that come and go, judged as a validator that wants every algorithm of the DS set."""
    return ksk(seed, fix, keys=("k1.e", "k2.e", "k9.r"), zsks=("z1.e", "z1.r"))


def many(f, fix, seconds, first=0):
    t1, n, acc, found = time.time() + seconds, 0, 0, []
    while time.time() < t1 and len(found) < 3:
        bad, a = f(first + n, fix)
        n, acc = n + 1, acc + a
        if bad:
            found.append(bad)
    return n, acc, found


def ablate(seconds):
    for fix in ("start", "offset", "lacking", "signdelay", "retired", "newest", "unused", "keep"):
        n, _, found = many(zsk, ALL - {fix}, seconds)
        print(f"zsk without {fix:10} {n} walks: {found[0][:110] if found else 'nothing bad'}", flush=True)
    for fix in ("start", "lacking", "until", "dssets", "parentprop"):
        n, _, found = many(ksk, ALL - {fix}, seconds)
        print(f"ksk without {fix:10} {n} walks: {found[0][:110] if found else 'nothing bad'}", flush=True)


def main(seconds=60):
    ok = True
    for title, fix in (("as written", frozenset()), ("corrected", ALL)):
        for keys, acts, steps in ((("z1.e", "z2.e"), 3, 18), (("z1.e", "z2.e"), 4, 14)):
            found, seen, cut = exhaustive(fix, keys, steps, acts, time.time() + seconds / 2)
            print(f"{title}: exhaustive {len(keys)} keys, {acts} requests, {steps} instants: {seen}"
                  f"{' (cut by time)' if cut else ''} {found or 'nothing bad'}", flush=True)
            ok = ok and not (found and fix)
        for f in (zsk, ksk, algorithms):
            n, acc, found = many(f, fix, seconds)
            print(f"{title}: {f.__name__} {n} random walks, {acc} accepted requests: {len(found)} bad", flush=True)
            for x in found[:1]:
                print("   ", x[:1500])
            ok = ok and not (found and fix)
    return ok
