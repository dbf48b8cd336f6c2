"""Stories: legitimate ones that must be acceptable and never bogus, and unsafe ones that a rule must refuse.

`good` stories take steps as soon as the rules let them (waiting up to `SOON`) while providers and parents keep their own
duties by the RFC 7583 sums, which they compute for themselves. `bad` stories try one step too early and say who is at
fault where the appliance cannot see it.
"""
from dataclasses import replace
from rules import Answer, Box, Ksk, KeyEntry, Policy, Provider, ALL, INF
from world import World

SOON = 60
GOOD, BAD = [], []


class Stop(Exception):
    pass


def good(f):
    GOOD.append(f)
    return f


def bad(f):
    BAD.append(f)
    return f


def prov(*keys, state="serving", **kw):
    return Provider(state=state, keys=tuple((k, KeyEntry()) if isinstance(k, str) else k for k in keys), **kw)


class Tale:
    def __init__(self, fix=ALL, **kw):
        kw.setdefault("ksk", (("k1.e", Ksk(frm=-99)),))
        kw.setdefault("validity", 200)
        kw.setdefault("providers", (("alpha", prov("z1.e")), ("beta", prov("zb1.e"))))
        self.pol = Policy(**kw)
        self.box = Box(self.pol, fix)
        self.world = World(self.pol)
        self.t = 0
        self.t0 = -5                        # judged from here on

    # one step of the owner's side; `limit` 0 = must be accepted now
    def step(self, what, act, limit):
        t0 = self.t
        while True:
            refused = act()
            if not refused:
                return self.t - t0
            if self.t - t0 >= limit:
                raise Stop(f"{what} refused at t={t0}..{self.t}: {', '.join(refused)}")
            self.t += 1

    def sign(self, *zsks, limit=SOON, **kw):
        w = self.step("sign " + " ".join(zsks), lambda: self.box.sign("DNSKEY", zsks, self.t, **kw), limit)
        self.world.add(self.box.tl["DNSKEY"][-1])
        return w

    def cds(self, *ksks, limit=SOON, **kw):
        self.want_at_parent(ksks)
        return self.step("CDS " + " ".join(ksks), lambda: self.box.sign("CDS", ksks, self.t, **kw), limit)

    def want_at_parent(self, ksks):
        """The operators say which KSKs CDS shall name (`cds: yes`, `in-parent: yes`)."""
        pol = self.box.pol
        new = dict(ksk=tuple((k, replace(e, cds=k in ksks)) for k, e in pol.ksk),
                   cosigner_ds=pol.cosigners & frozenset(ksks))
        if replace(pol, **new) != pol:
            self.load(limit=0, **new)

    def schedule(self, bundles, limit=0, **kw):
        n = len(self.box.tl["DNSKEY"])
        self.step("schedule", lambda: self.box.schedule([(k, self.t + i, self.t + e) for k, i, e in bundles], self.t, **kw), limit)
        for a in self.box.tl["DNSKEY"][n:]:
            self.world.add(a)

    def load(self, limit=SOON, **kw):
        return self.step("policy " + " ".join(kw), lambda: self.box.load(replace(self.box.pol, **kw), self.t), limit)

    def provider(self, name, p, limit=SOON):
        return self.load(limit=limit, providers=self.box.pol.with_provider(name, p).providers)

    def wait(self, n):
        self.t += n

    def covered(self):
        """The wait a provider does for itself after a set was released."""
        self.wait(self.pol.offset + self.pol.P + 8)

    def switched(self):
        """... and after it began to sign with another key, until nobody holds data by the old one."""
        self.wait(self.pol.SD + self.pol.P + 12)

    def parent(self, *ds, see=True):
        self.world.ds.append((self.t, frozenset(ds)))
        if see:
            self.wait(1)
            self.load(limit=0, parent_ds=frozenset(ds), seen=self.t)

    def steady(self, *zsks):
        """A zone that has been served for long, DS at the parent."""
        zsks = zsks or ("z1.e", "zb1.e")
        for name, p in self.pol.providers:
            self.world.use(name, [k for k in zsks if p.entry(k)][:1], 0)
        self.sign(*zsks)
        self.wait(30)
        self.parent("k1.e")
        self.wait(15)
        return self

    def check(self):
        last = max([a.exp for a, _ in self.world.answers] or [0])
        return self.world.run(self.t0, min(self.t + 25, last))


# ---- legitimate ------------------------------------------------------------------------------------------------------
@good
def first_signing_then_ds_by_cds(f):
    s = Tale(f)
    s.world.uses = {}
    s.world.first = -1
    for p, k in (("alpha", "z1.e"), ("beta", "zb1.e")):
        s.world.use(p, [k], 0)
    s.sign("z1.e", "zb1.e")
    s.sign("z1.e", "zb1.e", limit=0)           # a second answer at once
    s.cds("k1.e")
    s.parent("k1.e")
    return s


@good
def refresh_without_changes(f):
    s = Tale(f).steady()
    for _ in range(4):
        s.sign("z1.e", "zb1.e", limit=0)
        s.wait(35)
    return s


def long_served(f, *zsks, **kw):
    """A zone that was served for long by another box with our KSK: this box has no history."""
    s = Tale(f, parent_ds=frozenset({"k1.e"}), **kw)
    s.t0, s.world.first = 0, -50
    s.world.ds = [(-INF, frozenset({"k1.e"}))]
    for p, k in (("alpha", "z1.e"), ("beta", "zb1.e")):
        s.world.use(p, [k], -50)
    s.world.add(Answer(-1, "DNSKEY", frozenset(zsks) | {"k1.e"}, frozenset({"k1.e"}), 4, -52, 148, -50))
    return s


@good
def adoption_of_an_existing_zone(f):
    s = long_served(f, "z1.e", "zb1.e")
    s.box.adopt(("z1.e", "zb1.e"), ("k1.e",), -52, 148, s.t)
    s.wait(1)
    s.sign("z1.e", "zb1.e", limit=0)           # the refresh that adoption is for
    s.cds("k1.e", limit=0)                     # CDS that says what the parent says
    return s


@good
def zsk_prepublish_roll(f, name="alpha", old="z1.e", new="z2.e", rest=("zb1.e",)):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))).steady()
    return roll(s, name, old, new, rest)


def roll(s, name, old, new, rest):
    s.sign(old, new, *rest, limit=0)
    s.covered()
    s.world.use(name, [new], s.t)
    s.switched()
    s.sign(new, *rest)
    s.wait(3)
    s.sign(new, *rest, limit=0)
    return s


@good
def zsk_prepublish_roll_three_providers(f):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")), ("gamma", prov("zg1.e"))))
    s.steady("z1.e", "zb1.e", "zg1.e")
    return roll(s, "alpha", "z1.e", "z2.e", ("zb1.e", "zg1.e"))


@good
def zsk_double_signature_roll(f):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))).steady()
    s.world.use("alpha", ["z1.e", "z2.e"], s.t)     # data signed twice first, then the keys swap... after both are listed
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.covered()
    s.sign("z2.e", "zb1.e")
    s.wait(10)
    s.world.use("alpha", ["z2.e"], s.t)
    return s


@good
def simultaneous_rolls_at_two_providers(f):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e", "zb2.e")))).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.wait(3)
    s.sign("z1.e", "z2.e", "zb1.e", "zb2.e", limit=0)
    s.covered()
    s.world.use("alpha", ["z2.e"], s.t)
    s.wait(4)
    s.world.use("beta", ["zb2.e"], s.t)
    s.switched()
    s.sign("z2.e", "zb2.e")
    return s


@good
def standby_zsk_for_long_then_used(f):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    for _ in range(3):
        s.wait(30)
        s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.covered()
    s.world.use("alpha", ["z2.e"], s.t)
    s.wait(s.pol.SD)
    s.provider("alpha", prov(("z1.e", KeyEntry(retired=s.t)), "z2.e"), limit=0)
    s.sign("z2.e", "zb1.e")
    return s


@good
def ksk_roll_double_ksk(f):
    s = Tale(f, ksk=(("k1.e", Ksk(frm=-99)),)).steady()
    s.cds("k1.e")
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k2.e", Ksk(frm=s.t - 5))), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.cds("k2.e")
    s.wait(3)
    s.parent("k2.e")
    s.load(ksk=(("k1.e", Ksk(frm=-99, until=s.t)), ("k2.e", Ksk(frm=-99))))
    s.step("old KSK out", lambda: [] if s.box.ksks(s.t, ("z1.e", "zb1.e"), s.t) == {"k2.e"} else ["ksk-present"], SOON)
    s.sign("z1.e", "zb1.e")
    s.wait(5)
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@good
def ksk_until_passes_before_the_ds_changed(f):
    s = Tale(f, ksk=(("k1.e", Ksk(frm=-99, until=60)), ("k2.e", Ksk(frm=40)))).steady()
    s.t = max(s.t, 62)
    s.sign("z1.e", "zb1.e", limit=0)
    s.wait(30)
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@good
def ksk_roll_double_ds(f):
    s = Tale(f).steady()
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k2.e", Ksk(frm=95))), limit=0)
    s.parent("k1.e", "k2.e")
    s.sign("z1.e", "zb1.e", limit=0)                # only K1 in the set: a DS whose KSK stands by
    s.wait(20)
    s.load(ksk=(("k1.e", Ksk(frm=-99, until=95)), ("k2.e", Ksk(frm=95))), limit=0)
    s.t = max(s.t, 95)
    s.sign("z1.e", "zb1.e")
    assert s.box.head().signers == {"k2.e"}, s.box.head()
    s.covered()
    s.parent("k2.e")
    s.wait(10)
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@good
def provider_joins(f):
    s = Tale(f).steady()
    s.provider("gamma", prov("zg1.e", state="joining"), limit=0)
    s.world.seen_from["gamma"] = INF
    s.world.use("gamma", ["zg1.e"], s.t)
    s.wait(8)
    s.sign("z1.e", "zb1.e", "zg1.e", limit=0)
    s.wait(1)
    s.provider("gamma", prov("zg1.e"))              # accepted once covered
    s.world.seen_from["gamma"] = s.t + 4
    s.wait(6)
    s.sign("z1.e", "zb1.e", "zg1.e", limit=0)
    return s


@good
def provider_leaves(f):
    s = Tale(f).steady()
    s.provider("beta", prov("zb1.e", state="leaving"), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.world.seen_until["beta"] = s.t + 9            # NS out, NS TTL over
    s.wait(9)
    s.provider("beta", prov(("zb1.e", KeyEntry(retired=s.t)), state="leaving", gone=s.t), limit=0)
    s.sign("z1.e")
    s.wait(2)
    s.provider("beta", None, limit=0)
    s.sign("z1.e", limit=0)
    return s


@good
def emergency_withdrawal(f):
    """The key is out at once; what is bogus meanwhile is the price, so only acceptance is judged."""
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))).steady()
    s.provider("alpha", prov(("z1.e", KeyEntry(withdrawn=True)), "z2.e"), limit=0)
    s.sign("z2.e", "zb1.e", limit=0)
    s.wait(1)
    s.sign("z2.e", "zb1.e", limit=0)
    s.check = lambda: None
    return s


@good
def emergency_withdrawal_with_a_standby(f):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.covered()
    s.world.use("alpha", ["z2.e"], s.t)
    s.switched()
    s.provider("alpha", prov(("z1.e", KeyEntry(withdrawn=True)), "z2.e"), limit=0)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@good
def emergency_withdrawal_of_a_providers_only_key(f):
    s = Tale(f).steady()
    s.provider("beta", prov(("zb1.e", KeyEntry(withdrawn=True))), limit=0)
    s.sign("z1.e", limit=0)
    s.wait(1)
    s.sign("z1.e", limit=0)
    s.check = lambda: None
    return s


@good
def algorithm_roll_in_and_out(f):
    both = (("alpha", prov("z1.e", "z1.r")), ("beta", prov("zb1.e", "zb1.r")))
    s = Tale(f, providers=both).steady("z1.e", "zb1.e")
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k9.r", Ksk(frm=s.t - 5))), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)                # provider not ready yet: refresh goes on
    s.world.use("alpha", ["z1.e", "z1.r"], s.t)     # data signed with both first
    s.wait(4)
    s.world.use("beta", ["zb1.e", "zb1.r"], s.t)
    s.switched()
    s.sign("z1.e", "z1.r", "zb1.e", "zb1.r", limit=0)
    assert s.box.head().signers == {"k1.e", "k9.r"}
    s.cds("k9.r")
    s.parent("k9.r")
    s.load(ksk=(("k1.e", Ksk(frm=-99, until=s.t)), ("k9.r", Ksk(frm=-99))))
    s.step("old algorithm", lambda: [] if s.box.ksks(s.t, ("z1.r", "zb1.r"), s.t) == {"k9.r"} else ["ksk-present"], SOON)
    s.sign("z1.r", "zb1.r")
    s.wait(20)
    for p, k in (("alpha", "z1.r"), ("beta", "zb1.r")):
        s.world.use(p, [k], s.t)
    s.sign("z1.r", "zb1.r", limit=0)
    return s


@good
def last_ksk_of_an_algorithm_passes_until_before_the_zsks_left(f):
    both = (("alpha", prov("z1.e", "z1.r")), ("beta", prov("zb1.e", "zb1.r")))
    s = Tale(f, providers=both, ksk=(("k1.e", Ksk(frm=-99)), ("k9.r", Ksk(frm=-99, until=60))))
    s.steady("z1.e", "zb1.e", "z1.r", "zb1.r")
    s.t = max(s.t, 62)
    s.sign("z1.e", "zb1.e", "z1.r", "zb1.r", limit=0)
    s.sign("z1.e", "zb1.e")
    return s


@good
def new_key_taken_back_before_anybody_used_it(f):
    s = Tale(f, providers=two()).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.wait(1)
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@good
def ttl_lowered_then_roll(f):
    s = Tale(f, ttl=12, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))).steady()
    s.load(ttl=3, limit=0)
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.wait(s.pol.P + 12)
    s.world.use("alpha", ["z2.e"], s.t)
    s.switched()
    s.sign("z2.e", "zb1.e")
    return s


@good
def ttl_raised(f):
    s = Tale(f, ttl=3).steady()
    s.load(ttl=12, limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.load(Z=12, limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@good
def cds_on_off_and_delete(f):
    s = Tale(f).steady()
    s.cds("k1.e")
    s.load(cds_delete=True, limit=0)
    s.wait(1)
    s.cds(limit=0)
    s.wait(10)
    s.parent()
    s.load(cds_delete=False, limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.cds("k1.e")
    s.parent("k1.e")
    return s


@good
def schedule_ahead_with_a_roll_then_emergency_supersede(f):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e", "zb2.e")))).steady()
    s.schedule([(("z1.e", "zb1.e"), 0, 60), (("z1.e", "z2.e", "zb1.e"), 30, 90), (("z2.e", "zb1.e"), 70, 130)])
    t0 = s.t
    s.t = t0 + 30 + s.pol.offset + s.pol.P + 4
    s.world.use("alpha", ["z2.e"], s.t)
    s.switched()
    s.sign("z1.e", "z2.e", "zb1.e", "zb2.e", supersedes=True, limit=0)
    s.wait(12)
    s.sign("z2.e", "zb1.e", "zb2.e")
    return s


@good
def co_signer_hand_over_in(f):
    """Operator X (stream X, its KSK x9.e) hands the zone to us."""
    s = Tale(f, providers=(("alpha", prov("z1.e")), ("xavier", prov("zx1.e", state="leaving"))),
             cosigners=frozenset({"x9.e"}), cosigner_ds=frozenset({"x9.e"}), parent_ds=frozenset({"x9.e"}))
    xa = lambda seq, keys, rel: Answer(seq, "DNSKEY", frozenset(keys) | {"x9.e"}, frozenset({"x9.e"}), 4, rel - 2, rel + 300, rel)
    s.world.ds = [(-INF, frozenset({"x9.e"}))]
    s.world.first = 0
    s.world.add(xa(1001, ["zx1.e"], -50), "X")
    s.world.stream["xavier"] = "X"
    s.world.use("xavier", ["zx1.e"], -50)
    s.world.use("alpha", ["z1.e"], 0)
    s.world.seen_from["alpha"] = INF
    s.sign("z1.e", "zx1.e", limit=0)
    s.world.add(xa(1002, ["zx1.e", "z1.e", "k1.e"], s.t), "X")
    s.cds("k1.e", "x9.e")
    s.wait(1)
    s.parent("k1.e", "x9.e")
    s.wait(10)
    s.world.seen_from["alpha"] = s.t
    s.wait(10)
    s.sign("z1.e", "zx1.e", limit=0)
    s.world.seen_until["xavier"] = s.t
    s.wait(12)
    s.cds("k1.e")
    s.parent("k1.e")
    s.wait(10)
    s.load(cosigners=frozenset(), cosigner_ds=frozenset(), limit=0)
    s.provider("xavier", prov("zx1.e", state="leaving", gone=s.t), limit=0)
    s.sign("z1.e")
    s.provider("xavier", None, limit=SOON)
    s.sign("z1.e", limit=0)
    return s


# ---- unsafe ----------------------------------------------------------------------------------------------------------
def two():
    return (("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))


@bad
def drop_at_once(f):
    s = Tale(f, providers=two()).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.sign("z2.e", "zb1.e", limit=0)
    s.world.use("alpha", ["z2.e"], s.t)
    return s


@bad
def drop_one_unit_early(f):
    """The provider switches the moment it may and needs all of sign-delay and propagation."""
    s = Tale(f, SD=3, providers=two()).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.wait(s.pol.P + s.pol.ttl)
    s.world.use("alpha", ["z2.e"], s.t)
    s.wait(s.pol.SD + s.pol.P + s.pol.Z - 2)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def back_dated_inception(f):
    s = Tale(f, providers=two()).steady()
    s.wait(10)
    s.sign("z1.e", "z2.e", "zb1.e", limit=0, inc=s.t - 30)
    s.world.use("alpha", ["z2.e"], s.t + 6)
    s.wait(2)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def scheduled_roll_too_tight_for_the_offset(f):
    """Bundles are switched at inception + offset, dropped keys may vanish at inception."""
    s = Tale(f, providers=two(), offset=4).steady()
    i = 10
    gap = s.pol.ttl + s.pol.P + s.pol.P + s.pol.Z + s.pol.SD
    s.schedule([(("z1.e", "z2.e", "zb1.e"), i, 70), (("z2.e", "zb1.e"), i + gap, 150)])
    s.world.use("alpha", ["z2.e"], s.t + i + s.pol.offset + s.pol.P + s.pol.ttl)
    s.t += 30
    return s


@bad
def ttl_lowered_with_the_new_key(f):
    s = Tale(f, ttl=12, providers=two()).steady()
    s.load(ttl=2, limit=0)
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.wait(2 + 2)
    s.world.use("alpha", ["z2.e"], s.t)         # by the new TTL; a cache has the old answer for 12
    s.wait(1 + 2 + 6)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def zone_ttl_lowered_just_before_the_drop(f):
    s = Tale(f, Z=12, providers=two()).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.wait(s.pol.P + s.pol.ttl)
    s.world.use("alpha", ["z2.e"], s.t)
    s.load(Z=2, limit=0)
    s.world.Z.append((s.t, 2))
    s.wait(6)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def retired_as_a_waiver(f):
    s = Tale(f, providers=two()).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.wait(s.pol.P + s.pol.ttl + 2)
    s.world.use("alpha", ["z2.e"], s.t)
    s.wait(s.pol.SD + s.pol.P)
    s.provider("alpha", prov(("z1.e", KeyEntry(retired=s.t - s.pol.P)), "z2.e"), limit=0)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def newest_key_dropped_instead_of_the_old(f):
    s = Tale(f, providers=two()).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.covered()
    s.world.use("alpha", ["z2.e"], s.t)
    s.switched()
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@bad
def withdrawn_key_is_still_listed(f):
    """The withdrawal is in force, and somebody signs the set of yesterday."""
    s = Tale(f, providers=(("alpha", prov("z1.e", "z2.e")), ("beta", prov("zb1.e")))).steady()
    s.provider("alpha", prov(("z1.e", KeyEntry(withdrawn=True)), "z2.e"), limit=0)
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    return s


@bad
def withdrawal_takes_the_standby_along(f):
    """The key that was withdrawn goes at once; the one that took over for it is needed."""
    p = (("alpha", prov("z1.e", "z2.e", "z3.e")), ("beta", prov("zb1.e")))
    s = Tale(f, providers=p).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.covered()
    s.world.use("alpha", ["z2.e"], s.t)
    s.switched()
    s.provider("alpha", prov(("z1.e", KeyEntry(withdrawn=True)), "z2.e", "z3.e"), limit=0)
    s.sign("z3.e", "zb1.e", limit=0)
    return s


@bad
def double_signature_roll_ends_too_early(f):
    """Both keys signed; the old one goes while what it alone signed is cached."""
    s = Tale(f, providers=two()).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.covered()
    s.world.use("alpha", ["z1.e", "z2.e"], s.t)
    s.switched()
    s.world.use("alpha", ["z2.e"], s.t)
    s.provider("alpha", prov(("z1.e", KeyEntry(retired=s.t + s.pol.SD + s.pol.P)), "z2.e"), limit=0)
    s.wait(2)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def cds_delete_without_a_word_of_the_policy(f):
    s = Tale(f).steady()
    s.cds("k1.e")
    s.wait(1)
    s.cds(limit=0)
    return s


@bad
def cds_delete_once_its_time_is_over(f):
    s = Tale(f).steady()
    s.cds("k1.e")
    s.load(cds_delete=True, limit=0)
    s.wait(1)
    s.load(cds_delete=False, limit=0)
    s.cds(limit=0)
    return s


@bad
def old_withdrawal_hides_an_early_drop(f):
    p = (("alpha", prov(("z0.e", KeyEntry(withdrawn=True)), "z1.e", "z2.e")), ("beta", prov("zb1.e")))
    s = Tale(f, providers=p).steady()
    s.sign("z1.e", "z2.e", "zb1.e", limit=0)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def leaving_keys_dropped_at_once(f):
    s = Tale(f).steady()
    s.provider("beta", prov(("zb1.e", KeyEntry(retired=s.t)), state="leaving"), limit=0)
    s.sign("z1.e", limit=0)
    s.world.seen_until["beta"] = s.t + 10
    return s


@bad
def provider_removed_from_the_policy(f):
    s = Tale(f).steady()
    s.provider("beta", None, limit=0)
    s.sign("z1.e", limit=0)
    return s


@bad
def joined_to_serving_at_once(f):
    s = Tale(f).steady()
    s.provider("gamma", prov("zg1.e", state="joining"), limit=0)
    s.sign("z1.e", "zb1.e", "zg1.e", limit=0)
    s.provider("gamma", prov("zg1.e"), limit=0)
    s.world.use("gamma", ["zg1.e"], -5)
    s.world.seen_from["gamma"] = s.t
    return s


@bad
def serving_provider_left_out(f):
    s = Tale(f).steady()
    s.sign("z1.e", limit=0)
    return s


@bad
def cds_before_the_ksk_is_covered(f):
    s = Tale(f).steady()
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k2.e", Ksk(frm=s.t - 5))), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.wait(3)
    s.cds("k2.e", limit=0)
    s.parent("k2.e")
    return s


@bad
def cds_at_first_signing(f):
    s = Tale(f)
    s.world.first = -1
    for p, k in (("alpha", "z1.e"), ("beta", "zb1.e")):
        s.world.use(p, [k], 0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.wait(s.pol.ttl + s.pol.P)
    s.cds("k1.e", limit=0)
    s.world.ds.append((s.t, frozenset({"k1.e"})))
    return s


@bad
def old_ksk_out_while_its_ds_is_cached(f):
    s = Tale(f, PT=8, PP=4).steady()
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k2.e", Ksk(frm=s.t - 5))), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.covered()
    s.parent("k2.e")
    s.wait(8)
    s.load(ksk=(("k2.e", Ksk(frm=-99)),), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@bad
def new_ksk_taken_back_after_its_cds(f):
    """The parent acts on the CDS; nobody has looked yet."""
    s = Tale(f).steady()
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k2.e", Ksk(frm=s.t - 5))), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    s.wait(12)
    s.cds("k2.e", limit=0)
    s.world.ds.append((s.t + 1, frozenset({"k2.e"})))
    s.load(ksk=(("k1.e", Ksk(frm=-99)),), limit=0)
    s.sign("z1.e", "zb1.e", limit=0)
    return s


@bad
def algorithm_enters_partially(f):
    s = Tale(f, providers=(("alpha", prov("z1.e", "z1.r")), ("beta", prov("zb1.e")))).steady("z1.e", "zb1.e")
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k9.r", Ksk(frm=s.t - 5))), limit=0)
    s.sign("z1.e", "z1.r", "zb1.e", limit=0)
    return s


@bad
def cds_of_a_new_algorithm_before_the_data(f):
    both = (("alpha", prov("z1.e", "z1.r")), ("beta", prov("zb1.e", "zb1.r")))
    s = Tale(f, providers=both).steady("z1.e", "zb1.e")
    s.load(ksk=(("k1.e", Ksk(frm=-99)), ("k9.r", Ksk(frm=s.t - 5))), limit=0)
    s.sign("z1.e", "z1.r", "zb1.e", "zb1.r", limit=0)
    s.wait(s.pol.ttl + s.pol.P)
    for p, k in (("alpha", ["z1.e", "z1.r"]), ("beta", ["zb1.e", "zb1.r"])):
        s.world.use(p, k, s.t)
    s.cds("k9.r", limit=0)
    s.parent("k9.r")
    return s


@bad
def algorithm_leaves_while_its_ds_stands(f):
    both = (("alpha", prov("z1.e", "z1.r")), ("beta", prov("zb1.e", "zb1.r")))
    s = Tale(f, providers=both, ksk=(("k1.e", Ksk(frm=-99)), ("k9.r", Ksk(frm=-99)))).steady("z1.e", "zb1.e", "z1.r", "zb1.r")
    s.world.uses = {"alpha": [(0, frozenset({"z1.e", "z1.r"}))], "beta": [(0, frozenset({"zb1.e", "zb1.r"}))]}
    s.load(ksk=(("k9.r", Ksk(frm=-99)),), limit=0)
    s.sign("z1.r", "zb1.r", limit=0)
    return s


@bad
def same_algorithm_key_replaced_early_behind_another_algorithm(f):
    both = (("alpha", prov("z1.e", "z2.e", "z1.r")), ("beta", prov("zb1.e", "zb1.r")))
    s = Tale(f, providers=both, ksk=(("k1.e", Ksk(frm=-99)), ("k9.r", Ksk(frm=-99)))).steady("z1.e", "zb1.e", "z1.r", "zb1.r")
    s.world.uses = {"alpha": [(0, frozenset({"z1.e", "z1.r"}))], "beta": [(0, frozenset({"zb1.e", "zb1.r"}))]}
    s.provider("alpha", prov(("z1.e", KeyEntry(retired=s.t)), "z2.e", "z1.r"), limit=0)
    s.wait(10)
    s.sign("z2.e", "z1.r", "zb1.e", "zb1.r", limit=0)
    return s


@bad
def adopted_then_dropped_at_once(f):
    s = long_served(f, "z1.e", "zb1.e", providers=two())
    s.box.adopt(("z1.e", "z2.e", "zb1.e"), ("k1.e",), -2, 198, s.t)    # made elsewhere a moment ago
    s.world.add(s.box.tl["DNSKEY"][-1])
    s.wait(1)
    s.sign("z2.e", "zb1.e", limit=0)
    return s


@bad
def adopted_then_new_cds_at_once(f):
    s = long_served(f, "z1.e", "zb1.e", ksk=(("k1.e", Ksk(frm=-99)), ("k2.e", Ksk(frm=-99))))
    s.box.adopt(("z1.e", "zb1.e"), ("k1.e", "k2.e"), -2, 198, s.t)
    s.world.add(s.box.tl["DNSKEY"][-1])
    s.wait(1)
    s.cds("k2.e", limit=0)
    s.parent("k2.e")
    return s


@bad
def schedule_with_a_gap(f):
    s = Tale(f).steady()
    z = ("z1.e", "zb1.e")
    s.world.capped = True
    s.schedule([(z, 0, 30), (z, 29, 80)])
    s.t += 40
    return s


@bad
def refresh_shorter_than_ttl(f):
    s = Tale(f, ttl=12, refresh=3, validity=80).steady()
    s.world.capped = False
    s.t = s.box.head().exp - s.box.pol.refresh
    if s.t - s.box.head().rel > 0:
        s.sign("z1.e", "zb1.e", limit=0)
    s.wait(10)
    return s


@bad
def later_answers_not_named(f):
    s = Tale(f).steady()
    z = ("z1.e", "zb1.e")
    s.schedule([(z, 0, 60), (z, 40, 100)])
    s.wait(5)
    s.sign(*z, limit=0)
    return s
