"""Policy and rules of the KSK appliance for DNSKEY and CDS answers, as a pure model.

Keys are strings; ALG gives the algorithm by the letter after the dot ("z1.e" is algorithm "e"), so no table is needed.
A `Box` is one appliance with one zone. `fix` is the set of corrections in force: the empty set is the design as
written, FIXES is the corrected design, and FIXES minus one name is what `ablate` in run.py uses to show that a
correction is needed. Time is an integer. Intervals are half-open.
"""
from dataclasses import dataclass, field, replace

INF = 10 ** 9

FIXES = {
    "start":     "rules count from start = max(inception, release), never from a back-dated inception",
    "offset":    "everybody serves an answer by max(inception + inception-offset, release) + propagation",
    "lacking":   "coverage counts the answers that lack the key, each with its own TTL and expiration",
    "signdelay": "early-drop also waits sign-delay",
    "retired":   "`retired: T` is a time to wait from, not a waiver",
    "newest":    "without `retired` only a key older than the staying one leaves (while its algorithm stays)",
    "unused":   "a key that nobody could have begun to use leaves at any time",
    "samealg":   "the staying key has the same algorithm while that algorithm stays in the set",
    "scope":     "`withdrawn` exempts that key, not its provider for as long as the entry stands",
    "keep":      "a set that drops none of a provider's keys passes zsk-coverage",
    "leaving":   "a leaving provider counts as serving until `gone` + zone-max-ttl, then its keys may leave",
    "enter":     "a policy that makes a provider serving is refused while its keys are not covered",
    "until":     "a KSK before `from` or past `until` stands while a DS set that may be held, or a listed ZSK of its algorithm, needs it",
    "algwait":   "a KSK of a new algorithm is left out until every serving provider has a ZSK of it in the set",
    "dssets":    "DS duties are judged per DS set that may be held (attested, and published as CDS)",
    "algdata":   "CDS of a new algorithm (or of a first signing) also waits for the zone data",
    "parentprop": "a DS set is gone parent-propagation + parent-ds-ttl after the next one was seen",
    "ghost":     "an adopted answer proves nothing about earlier ones: its keys are covered from adoption + propagation + TTL",
    "shrink":    "a wait that gets smaller counts only after the old wait has passed",
    "gap":       "bundles of a schedule rise, and overlap by propagation + TTL",
    "refresh":   "refresh >= TTL + propagation",
    "dates":     "a key enters by an announcement only between its dates, and by the certificate that the policy has",
    "kept":      "a key that a set lists stays its provider's, whatever its announcement says or has become",
}
ALL = frozenset(FIXES)


def alg(key):
    return key.split(".")[1]


@dataclass(frozen=True)
class KeyEntry:
    retired: int = None
    withdrawn: bool = False


@dataclass(frozen=True)
class Provider:
    state: str = "serving"              # joining | serving | leaving
    keys: tuple = ()                    # ((key, KeyEntry), ...)
    max_keys: int = 3
    gone: int = None                    # no resolver can ask it from then on
    announced: bool = False             # source: what it announces counts beside `keys`
    cert: int = 0                       # which of its certificates the policy has

    def entry(self, key):
        return dict(self.keys).get(key)


@dataclass(frozen=True)
class Announcement:
    """The one that was accepted last from a provider."""
    keys: tuple                         # ((key, retired), ...)
    begin: int                          # its keys may be new from here ...
    end: int                            # ... and before
    cert: int                           # of the key that signed it
    former: tuple = ()                  # keys of earlier ones that were listed when this one came


@dataclass(frozen=True)
class Ksk:
    frm: int = 0
    until: int = None
    cds: bool = True


@dataclass(frozen=True)
class Policy:
    ttl: int = 4
    validity: int = 60
    refresh: int = 20
    offset: int = 2
    horizon: int = 200
    min_validity: int = 1
    Z: int = 6                          # zone-max-ttl
    P: int = 2                          # propagation
    PT: int = 5                         # parent-ds-ttl
    PP: int = 2                         # parent-propagation
    SD: int = 1                         # sign-delay (not in the design's `waits`)
    ksk: tuple = ()                     # ((key, Ksk), ...)
    parent_ds: frozenset = frozenset()
    seen: int = 0                       # when operators saw that set at the parent
    providers: tuple = ()               # ((name, Provider), ...)
    cosigners: frozenset = frozenset()  # KSKs of others, never signing for us
    cosigner_ds: frozenset = frozenset()    # those of them with `in-parent`
    cds_delete: bool = False
    outage: bool = False                # accept-outage

    def provider_of(self, key):
        for name, p in self.providers:
            if p.entry(key) is not None:
                return name, p
        return None, None

    def with_provider(self, name, p):
        d = dict(self.providers)
        if p is None:
            d.pop(name)
        else:
            d[name] = p
        return replace(self, providers=tuple(d.items()))


@dataclass(frozen=True)
class Answer:
    seq: int
    typ: str                            # DNSKEY | CDS | CDNSKEY; the last two are one sequence each
    keys: frozenset
    signers: frozenset
    ttl: int
    inc: int
    exp: int
    rel: int
    ghost: bool = False                 # what an adopted zone served before: holds nothing we may count on


class Times:
    """What the rules know about when answers can be seen. One object per judged timeline."""

    def __init__(self, answers, pol, fix):
        self.answers, self.pol, self.fix = answers, pol, fix

    def start(self, a):
        if a.ghost:
            return -INF
        return max(a.inc, a.rel) if "start" in self.fix else a.inc

    def by(self, a):
        if "offset" in self.fix:
            return max(a.inc + self.pol.offset, a.rel) + self.pol.P
        return self.start(a) + self.pol.P

    def end(self, a):
        return min([self.by(n) for n in self.answers if n.seq > a.seq] or [INF])

    def gone(self, a):
        return min(a.exp, self.end(a) + a.ttl)

    def served(self, a):
        return self.start(a) < self.end(a)

    def covered_from(self, key):
        """From this moment on nobody can hold an answer that lacks the key (as far as this timeline goes)."""
        if "lacking" in self.fix:
            return max([self.gone(a) for a in self.answers if key not in a.keys and self.served(a)] or [-INF])
        run = self.run(key)             # as written: TTL + propagation after the first answer of the present run
        if run is None:
            return INF
        first = not [a for a in self.answers if a.seq < run.seq]
        return -INF if first else self.start(run) + self.pol.ttl + self.pol.P

    def run(self, key, last=INF):
        """First answer of the key's unbroken run that is the present one at answer `last`."""
        run = None
        for a in sorted((a for a in self.answers if a.seq <= last), key=lambda a: a.seq):
            if key in a.keys:
                run = run or a
            elif self.served(a):
                run = None
        return run


@dataclass
class Box:
    pol: Policy
    fix: frozenset = ALL
    tl: dict = field(default_factory=lambda: {"DNSKEY": [], "CDS": [], "CDNSKEY": []})
    snaps: list = field(default_factory=list)       # [(seen, DS set)]
    old: list = field(default_factory=list)         # [(unloaded, Policy)]
    seq: int = 0
    ann: dict = field(default_factory=dict)         # provider -> Announcement

    def __post_init__(self):
        if not self.snaps:
            self.snaps.append((self.pol.seen, self.pol.parent_ds))

    # -- announcements ---------------------------------------------------------------------------------------------
    def listed(self, key, now):
        """The answer in effect or one ahead has the key."""
        for a in sorted(self.tl["DNSKEY"], key=lambda a: -a.seq):
            if not a.ghost and key in a.keys:
                return True
            if a.ghost or max(a.inc, a.rel) <= now:
                return False
        return False

    def view(self, pol, now):
        """The policy with the keys that its providers announced: new ones while the announcement is valid, others for
        as long as a set lists them, so that neither time nor an announcement leaves a set without an owner."""
        for name, p in pol.providers:
            a = self.ann.get(name)
            if not p.announced or a is None:
                continue
            valid = "dates" not in self.fix or (a.cert == p.cert and a.begin <= now < a.end)
            keys = dict(p.keys)
            for key, retired, former in [(k, r, False) for k, r in a.keys] + [(k, r, True) for k, r in a.former]:
                e = keys.get(key)
                if e is not None:
                    later = retired is not None and (e.retired is None or e.retired < retired)
                    keys[key] = replace(e, retired=retired) if later else e
                elif (valid and not former) or ("kept" in self.fix and self.listed(key, now)):
                    keys[key] = KeyEntry(retired=retired)
            pol = pol.with_provider(name, replace(p, keys=tuple(keys.items())))
        return pol

    def own_keys(self, name, p):
        """Those whose withdrawal takes the provider out: of an announcing one what it announced itself."""
        a = self.ann.get(name)
        said = {k for k, _ in a.keys + a.former} if a else set()
        return [k for k, _ in p.keys if not p.announced or k in said]

    def announce(self, name, keys, begin, end, now):
        p, last = dict(self.pol.providers)[name], self.ann.get(name)
        new = {k for k, _ in keys}
        former = tuple((k, r) for k, r in (last.keys + last.former if last else ())
                       if k not in new and self.listed(k, now))
        self.ann[name] = Announcement(tuple(keys), begin, end, p.cert, former)

    # -- helpers ---------------------------------------------------------------------------------------------------
    def wait(self, name, at):
        """A wait of the policy; one that shrank counts with its old value until that old value has passed."""
        values = [getattr(self.pol, name)]
        if "shrink" in self.fix:
            values += [getattr(p, name) for t, p in self.old if at < t + getattr(p, name)]
        return max(values)

    def head(self, typ="DNSKEY"):
        return max(self.tl[typ], key=lambda a: a.seq, default=None)

    def in_effect(self, at, typ="DNSKEY", base=None):
        best = [a for a in (self.tl[typ] if base is None else base) if max(a.inc, a.rel) <= at]
        return max(best, key=lambda a: a.seq, default=None)

    def own(self):
        return {k for k, _ in self.pol.ksk} | {k for a in self.tl["DNSKEY"] for k in a.signers}

    def needed(self, p, at):
        """The provider's answers can be in somebody's hands, so its keys must be there."""
        if p.state == "serving":
            return True
        if p.state == "leaving" and "leaving" in self.fix:
            return p.gone is None or at < p.gone + self.wait("Z", at)
        return False

    def ds_sets(self, at, begun=False):
        """The DS sets a resolver may hold at `at` or later; begun: not those of answers that begin later."""
        if "dssets" not in self.fix:
            return [self.snaps[-1][1]]
        grace = (self.pol.PP if "parentprop" in self.fix else 0) + self.wait("PT", at)
        sets = [self.snaps[-1][1]] + [s for (_, s), (t, _) in zip(self.snaps, self.snaps[1:]) if at < t + grace]
        for typ in ("CDS", "CDNSKEY"):                  # parents read either
            sets += self.published(self.tl[typ], at, grace, begun)
        return sets

    def published(self, sequence, at, grace, begun=False):
        """Those of a sequence of CDS or CDNSKEY that the parent may have acted on, or may act on."""
        times, sets = Times(sequence, self.pol, self.fix), []
        for c in sequence:
            if not times.served(c) or (begun and times.start(c) > at):
                continue
            # Closed at the first attestation that shows the parent can no longer act on it: it was out of every cache
            # by then, or the parent had acted on a later one (it never goes back).
            acted, closed, before = -1, INF, None
            for t, s in self.snaps:
                if before is not None and s != before:
                    acted = min([x.seq for x in sequence if x.keys == s and x.seq >= acted and times.start(x) <= t],
                                default=acted)
                before = s
                if closed == INF and (times.gone(c) + self.pol.PP <= t or c.seq < acted):
                    closed = t
            if at < closed + grace:
                sets.append(c.keys)
        return sets

    def ksks(self, at, zsks, inception, base=None):
        """Exactly the KSKs that a set with these ZSKs must hold. base: answers that it follows, if not the timeline."""
        when = at if "start" in self.fix else inception
        in_time = {k for k, e in self.pol.ksk if e.frm <= when and (e.until is None or when < e.until)}
        want = set(in_time)
        if "until" in self.fix:
            for d in self.ds_sets(at):
                for k in d & set(dict(self.pol.ksk)):
                    if not {x for x in d & in_time if alg(x) == alg(k)}:
                        want.add(k)
            head = self.in_effect(at, base=base)
            for a in {alg(k) for k in zsks} - {alg(k) for k in want}:
                of_a = {k: e for k, e in self.pol.ksk if alg(k) == a}
                if head and a in {alg(k) for k in head.signers} and of_a:
                    want |= head.signers & set(of_a) or {max(of_a, key=lambda k: (of_a[k].until or INF, k))}
        if "algwait" in self.fix:
            head = self.in_effect(at, base=base)
            have = {alg(k) for k in head.signers} if head else {alg(k) for k in want}
            for k in list(want):
                if alg(k) not in have and not self.everybody_has(alg(k), zsks, at):
                    want.discard(k)
        return frozenset(want)

    def everybody_has(self, a, zsks, at):
        return all(any(alg(k) == a and p.entry(k) for k in zsks) for _, p in self.pol.providers if self.needed(p, at))

    # -- judging ---------------------------------------------------------------------------------------------------
    def judge(self, typ, keys, now, inc=None, exp=None, supersedes=False, chain=None):
        """-> (refusals, answer). `keys`: for DNSKEY the ZSKs (the client adds KSKs and co-signers), else the KSKs."""
        written, self.pol = self.pol, self.view(self.pol, now)
        try:
            return self.judge_viewed(typ, keys, now, inc, exp, supersedes, chain)
        finally:
            self.pol = written

    def judge_viewed(self, typ, keys, now, inc, exp, supersedes, chain):
        pol, fix = self.pol, self.fix
        inc = now - pol.offset if inc is None else inc
        exp = inc + pol.validity if exp is None else exp
        start = max(inc, now) if "start" in fix else inc
        base = list(self.tl[typ]) if chain is None else chain
        ksks = self.ksks(max(inc, now), keys, inc, base) if typ == "DNSKEY" else frozenset()
        full = frozenset(keys) | ksks | (pol.cosigners if typ == "DNSKEY" else frozenset())
        n = Answer(self.seq + 1 + len(base) - len(self.tl[typ]), typ, full, ksks, pol.ttl, inc, exp, now)
        times = Times(base + [n], pol, fix)
        bad = []
        # window
        if exp <= inc or not now - pol.validity <= inc <= now + pol.horizon or exp - inc > pol.validity \
                or exp - inc < pol.min_validity or exp <= max(inc, now) + pol.ttl + pol.P:
            bad.append("window")
        if pol.ttl >= pol.validity - pol.refresh or ("refresh" in fix and pol.refresh < pol.ttl + pol.P):
            bad.append("window")
        bundles = base[len(self.tl[typ]):]
        if bundles and "gap" in fix:
            before = bundles[-1]
            if inc <= before.inc or times.by(n) + before.ttl > before.exp:
                bad.append("schedule-gap")
        # supersedes: that bundles of one schedule come in order is for schedule-gap to say
        later = [a for a in self.later(typ, n, bundles) if a not in bundles]
        if later and not supersedes:
            bad.append("supersedes")
        if typ != "DNSKEY":
            bad += self.judge_cds(n, start, base)
            return sorted(set(bad)), n
        bad += self.judge_presence(n, keys, start)
        bad += self.judge_zsk(n, keys, start, base, times)
        bad += self.judge_ds(n, start)
        return sorted(set(bad)), n

    def later(self, typ, n, extra=()):
        """The answers that the candidate overtakes and must name."""
        start = max(n.inc, n.rel)
        base = self.tl[typ] + list(extra)
        return [a for a in base if max(a.inc, a.rel) > start
                and not any(b.seq > a.seq and max(b.inc, b.rel) <= max(a.inc, a.rel) for b in base)]

    def judge_presence(self, n, keys, start):
        pol, bad = self.pol, []
        algs = {alg(k) for k in n.signers} if n.signers else set()
        if not n.signers:
            bad.append("ksk-present")
        for k in keys:
            name, p = pol.provider_of(k)
            if p is None or p.entry(k).withdrawn:
                bad.append("key-allowed")
            if alg(k) not in algs:
                bad.append("algorithm-complete")
        for name, p in pol.providers:
            suspended = any(e.withdrawn for _, e in p.keys) if "scope" not in self.fix else \
                bool(self.own_keys(name, p)) and all(e.withdrawn for _, e in p.keys)
            good = [k for k in keys if p.entry(k) and not p.entry(k).withdrawn]
            for a in algs:
                count = len([k for k in good if alg(k) == a])
                if count > p.max_keys or (count == 0 and self.needed(p, start) and not suspended):
                    bad.append("provider-present")
                if count == 0 and good and self.needed(p, start):
                    bad.append("algorithm-complete")
        return bad

    def judge_zsk(self, n, keys, start, base, times):
        pol, fix, bad = self.pol, self.fix, []
        algs = {alg(k) for k in n.signers}
        if "lacking" in fix:
            now_in = max((a for a in base if times.start(a) <= start), key=lambda a: a.seq, default=None)
            prior = [a for a in base if not a.ghost and (a is now_in or start < times.start(a) < times.by(n)
                     and not (now_in and a.seq < now_in.seq))]
        else:
            prior = [a for a in [max((a for a in base if a.inc <= n.inc), key=lambda a: a.seq, default=None)] if a]
        was = {k for a in prior for k in a.keys if k not in a.signers and k not in pol.cosigners and k.startswith("z")}
        Z = self.wait("Z", start)
        for name, p in pol.providers:
            mine = {k for k in keys if p.entry(k) and not p.entry(k).withdrawn}
            suspended = any(e.withdrawn for _, e in p.keys) and "scope" not in fix
            if not self.needed(p, start) or suspended:
                continue
            if not any(times.covered_from(k) <= start for k in mine) and base:
                kept = {k for k in was if p.entry(k) and not p.entry(k).withdrawn} <= mine
                if not ("keep" in fix and kept) and not ("scope" in fix and not mine):
                    bad.append("zsk-coverage")
        for k in was - set(keys):
            name, p = pol.provider_of(k)
            if p is None:
                bad.append("early-drop")
                continue
            e = p.entry(k)
            if e.withdrawn or (p.state == "joining"):
                continue
            if "scope" not in fix and any(x.withdrawn for _, x in p.keys):
                continue
            if "leaving" in fix and not self.needed(p, start):
                continue
            if "retired" not in fix and e.retired is not None and e.retired <= start:
                continue
            usable = [max([times.gone(b) for b in base if b.seq < a.seq and k not in b.keys and not b.ghost
                           and times.served(b)] or [-INF]) for a in prior if k in a.keys]
            if "unused" in fix and min(usable) >= times.by(n):
                continue                                # nobody could have begun to use it
            ok = False
            for s in keys:
                if not p.entry(s) or ("samealg" in fix and alg(k) in algs and alg(s) != alg(k)):
                    continue
                c = times.covered_from(s)
                if "retired" in fix and e.retired is not None:
                    t = max(c, e.retired)
                else:
                    t = c + (pol.SD if "signdelay" in fix else 0)
                    if "newest" in fix and alg(k) in algs:
                        last = max(a.seq for a in prior if k in a.keys)
                        rk, rs = times.run(k, last), times.run(s)
                        if rk is None or rs.seq <= rk.seq:
                            continue
                if t + pol.P + Z <= start:
                    ok = True
            if not ok:
                bad.append("early-drop")
        return bad

    def judge_ds(self, n, start):
        bad, own = [], self.own()
        if "dssets" in self.fix:
            for d in self.ds_sets(start):
                for a in {alg(k) for k in d & own}:
                    if not {k for k in d & n.signers if alg(k) == a}:
                        bad.append("ds-covered")
            return bad
        grace = self.pol.PT + (self.pol.PP if "parentprop" in self.fix else 0)
        need = set(self.snaps[-1][1])
        for (_, s), (t, _) in zip(self.snaps, self.snaps[1:]):
            if start < t + grace:
                need |= s
        return ["ds-covered"] if not need <= n.signers else []

    def judge_cds(self, c, start, base):
        pol, fix, bad = self.pol, self.fix, []
        dn = self.tl["DNSKEY"]
        times = Times(dn, pol, fix)
        if not dn:
            bad.append("early-ds")
        if not self.standing_in_effect(start):
            bad.append("cds")
        if not c.keys:
            return bad + ([] if pol.cds_delete else ["cds"]) + self.order(c, base)
        if c.keys != {k for k, e in pol.ksk if e.cds and k in self.standing_in_effect(start)} | pol.cosigner_ds:
            bad.append("cds")
        bad += self.order(c, base)
        if not dn:
            return bad
        if "dssets" not in fix:
            for k in c.keys - pol.cosigners:
                run = times.run(k)
                if run is None or times.start(run) + pol.ttl + pol.P > start:
                    bad.append("early-ds")
            return bad
        if c.keys == self.snaps[-1][1] and set(map(frozenset, self.ds_sets(start))) == {c.keys}:
            return bad                                  # says what the parent says
        for a in dn:
            if times.served(a) and times.gone(a) > start:
                for x in {alg(k) for k in c.keys - pol.cosigners}:
                    if not {k for k in c.keys & a.signers if alg(k) == x}:
                        bad.append("early-ds")
        if "algdata" in fix:
            known = {alg(k) for d in self.ds_sets(start, begun=True) for k in d}
            for x in {alg(k) for k in c.keys - pol.cosigners} - known:
                for name, p in pol.providers:
                    if self.needed(p, start):
                        waits = [max(times.covered_from(k), times.by(times.run(k)))
                                 for k in self.head().keys if p.entry(k) and alg(k) == x]
                        if not waits or min(waits) + pol.SD + pol.P + self.wait("Z", start) > start:
                            bad.append("early-ds")
        return sorted(set(bad))

    @staticmethod
    def order(c, base):
        """A changed CDS set has a later inception than the last one."""
        last = max(base, key=lambda a: a.seq, default=None)
        return ["window"] if last and c.keys != last.keys and c.inc <= last.inc else []

    def standing_in_effect(self, at):
        """KSKs that would sign the ZSKs in effect: they sign CDS."""
        cur = self.in_effect(at)
        zsks = frozenset(k for k in cur.keys if k.startswith("z")) if cur else frozenset()
        return self.ksks(at, zsks, at)

    # -- acts ------------------------------------------------------------------------------------------------------
    def sign(self, typ, keys, now, **kw):
        bad, n = self.judge(typ, frozenset(keys), now, **kw)
        if not bad:
            self.seq += 1
            self.tl[typ].append(replace(n, seq=self.seq))
        return bad

    def schedule(self, bundles, now, supersedes=False):
        """bundles: [(keys, inception, expiration)], all or none."""
        chain, out = list(self.tl["DNSKEY"]), []
        for keys, inc, exp in bundles:
            bad, n = self.judge("DNSKEY", frozenset(keys), now, inc=inc, exp=exp, supersedes=supersedes, chain=chain)
            out += bad
            chain = chain + [n]
        if not out:
            self.tl["DNSKEY"] = chain
            self.seq = chain[-1].seq
        return sorted(set(out))

    def adopt(self, keys, signers, inc, exp, now, ttl=None):
        ttl = self.pol.ttl if ttl is None else ttl
        if "ghost" in self.fix and not self.tl["DNSKEY"]:
            self.seq += 1
            known = frozenset(signers) & self.snaps[-1][1]     # of what was before, only the attested KSKs count
            self.tl["DNSKEY"].append(Answer(self.seq, "DNSKEY", known, known, ttl, -INF, INF, -INF, True))
        self.seq += 1
        self.tl["DNSKEY"].append(Answer(self.seq, "DNSKEY", frozenset(keys) | frozenset(signers), frozenset(signers),
                                        ttl, inc, exp, now))

    def load(self, pol, now):
        """-> refusals; the zone keeps its old entry when there are some. The check is what `On load` in the design says."""
        trial = Box(pol, self.fix, self.tl, list(self.snaps), self.old + [(now, self.pol)], self.seq, self.ann)
        written, pol = pol, self.view(pol, now)
        if pol.parent_ds != self.snaps[-1][1] or pol.seen > self.snaps[-1][0]:
            trial.snaps.append((pol.seen if "dssets" in self.fix else now, pol.parent_ds))
        cur = self.in_effect(now)
        bad, self.tried = [], [[]]
        if cur and not pol.outage:
            zsks = {k for k in cur.keys - cur.signers if k.startswith("z")}
            live = {k for k in zsks if pol.provider_of(k)[1] and not pol.provider_of(k)[1].entry(k).withdrawn}
            pinned = {k for _, p in pol.providers for k, e in p.keys if not e.withdrawn}
            tries = [zsks, live, live | pinned]
            # a wider set that fits: needed where an algorithm enters or a provider's only key was withdrawn
            verdicts = [trial.judge("DNSKEY", frozenset(t), now, supersedes=True)[0] for t in tries]
            if "enter" in self.fix:
                times = Times(self.tl["DNSKEY"], pol, self.fix)
                old = dict(self.pol.providers)
                for name, p in pol.providers:
                    if trial.needed(p, now) and not (name in old and self.needed(old[name], now)):
                        for a in {alg(k) for k in cur.signers}:
                            if not any(p.entry(k) and alg(k) == a and times.covered_from(k) <= now for k in cur.keys):
                                bad = bad + ["zsk-coverage"]
            times = Times(self.tl["DNSKEY"], pol, self.fix)
            if any(pol.provider_of(k)[1] is None for a in self.tl["DNSKEY"]
                   if times.served(a) and times.start(a) > now for k in a.keys if k.startswith("z")):
                bad = bad + ["early-drop"]
            # What may be said of a refusal: why no set fits, told of any of those tried.
            self.tried = [sorted(set(v + bad)) for v in verdicts] if all(verdicts) else [sorted(set(bad))]
            bad = min(self.tried, key=len)
        if not bad:
            self.pol, self.snaps, self.old = written, trial.snaps, trial.old
        return bad
