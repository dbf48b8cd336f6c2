#!/usr/bin/python3
"""The scenario files, tests/scenarios/*.scn, played before a whole appliance
whose clock the test moves: every story told rightly is signed as it says, and
each told wrongly is refused by the rules that it breaks, no others. A policy
comes into force by a reload; one hour of a story is one hour of the clock.

One appliance plays them all, a zone each, one after another. Its KSKs are the
same for all zones, as the keymap allows.
"""
import hashlib
import os
import re
import shutil
import struct
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "model")]
import appliance as ap  # noqa: E402
import judge  # noqa: E402
import scenario  # noqa: E402
from test_clock import Clock, with_clock  # noqa: E402

SANITIZED = True

HOUR = 3600
KSKS = ("k1.e", "k2.e", "k9.r")
TYPE = {"DNSKEY": ap.DNSKEY, "CDS": ap.CDS}
# Between two stories, so that no two share a moment.
PAUSE = 60


class Keys:
    """RDATA by the scenarios' names: our KSKs are in the token, the others
    are nobody's."""

    def __init__(self, a, zone):
        self.known = {}
        for name in KSKS:
            while name not in self.known:
                rdata = a.add_ksk(zone, f"{name}-{len(a.ksks)}",
                                  judge.ALGORITHM[name[-1]])
                self.keep(name, rdata)
        self.labels = {a: b for b, r in a.ksks.items()
                       for a, k in self.known.items() if k == r}

    def tags(self, rdata):
        return {ap.key_tag(rdata), ap.key_tag(struct.pack(
            "!H", rdata[1] | 1 << 8 | 128) + rdata[2:])}

    def keep(self, name, rdata):
        """Unless a tag is there already."""
        if not any(self.tags(rdata) & self.tags(r)
                   for r in self.known.values()):
            self.known[name] = rdata

    def __getitem__(self, name):
        while name not in self.known:
            self.keep(name, judge.Key(name).rdata)
        return self.known[name]


class Box:
    """The appliance, its clocks and keys."""

    def __init__(self, names):
        self.a = ap.Appliance(workers=1)
        self.clocks = []
        try:
            self.a.make()
            self.pin = self.a.add_client("auto")
            self.zones = {n: f"s{i:02}.example."
                          for i, n in enumerate(names)}
            first = self.zones[names[0]]
            self.keys = Keys(self.a, first)
            self.allow_all(first)
            self.clocks = [with_clock(self.a), self.clock_of_kskd()]
            self.begin = self.now = int(time.time())
            self.write("zones: []\n")
            self.a.start()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.a.__exit__()
        for clock in self.clocks:
            clock.close()

    def clock_of_kskd(self):
        path = os.path.join(self.a.build, "kskd")
        shutil.copy(os.path.join(ap.BUILD, "testclock", "kskd"), path)
        return Clock(path)

    def allow_all(self, first):
        """The keymap gives the KSKs to every zone, not only to the first."""
        path = self.a.path("etc/keymap")
        with open(path, encoding="ascii") as f:
            lines = [x.split() for x in f if x.startswith("ksk ")]
        self.ids = {words[8]: words[7] for words in lines}
        with open(path, "a", encoding="ascii") as f:
            for zone in self.zones.values():
                for words in lines if zone != first else ():
                    rdata, = [r for n, r in self.a.ksks.items()
                              if n == words[8]]
                    ds = ap.ds_text(zone, rdata).split()
                    f.write(" ".join(["ksk", zone, words[2], *ds,
                                      *words[7:]]) + "\n")

    def write(self, zones):
        self.a.version += 1
        self.a.write_policy(
            f"kind: policy\nappliance: {self.a.id}\nversion: "
            f"{self.a.version}\nclients: [{{name: auto, may: [read, sign], "
            f"pin: {self.pin}}}]\n{zones}")

    def move_to(self, now):
        """Sets both clocks forward, at once: the guard sees both."""
        self.now = now
        by = now - self.begin
        signer, kskd = self.clocks
        signer.memory[:16] = struct.pack("=qq", by, 1000 * by)
        kskd.set(seconds=by)

    def load(self, zones):
        """-> None, or what the log says of a policy that can't be."""
        self.write(zones)
        seen = len(self.ends())
        self.a.reload()
        ap.wait_for(lambda: len(self.ends()) > seen)
        last = self.ends()[-1]
        if "reload-refused" in last:
            self.a.version -= 1
            return last
        ap.wait_for(self.is_ready)
        return None

    def is_ready(self):
        """In force and all keys found: no work of a worker is under way that
        the clock could make overdue."""
        with self.a.peer() as peer:
            status = peer.ask(ap.STATUS)[3]
        return status[4] == 0 and status[6] == self.a.version

    def ends(self):
        return [x for x in self.a.log_text().splitlines()
                if "reload-done" in x or "reload-refused" in x]


class Stage:
    """Plays one scenario for one zone."""

    def __init__(self, box, story):
        self.box, self.a, self.keys = box, box.a, box.keys
        self.zone = box.zones[story.name]
        self.base = box.now + PAUSE * HOUR
        self.pol = story.first
        # A zone that others served before is adopted.
        self.new_zone = story.steps[0].act != "adopts"
        self.released = []      # (type, start, expiration, record)
        self.peer = None
        self.at(story.steps[0].at)

    def at(self, t):
        """The real clock goes on besides, some seconds in all."""
        self.box.move_to(self.base + t * HOUR)
        self.t = t

    def seconds(self, t):
        return self.base + t * HOUR

    def now(self):
        return self.box.now + int(time.time()) - self.box.begin

    def ds(self, name):
        return ap.ds_text(self.zone, self.keys[name])

    def load(self, pol):
        text = Text(self).text(pol, self.new_zone)
        return self.box.load("zones:\n" + text)

    # -- the steps; -> the rules that refuse --
    def policy(self, s):
        trouble = self.load(s.pol)
        if trouble is None:
            self.pol = s.pol
            return []
        # The log names the first rule only, of those that the file names.
        found = re.search(f"zone {re.escape(self.zone)}: ([a-z-]+): ",
                          trouble)
        if found is None or found[1] not in s.refused:
            raise AssertionError(trouble)
        return s.refused

    def rrset(self, typ, keys):
        if typ == "DNSKEY":
            rdata = [self.keys[k] for k in keys]
        else:
            rdata = [self.cds(k) for k in keys] or [bytes(5)]
        return ap.rrset(self.zone, TYPE[typ], self.pol.ttl * HOUR, rdata)

    def cds(self, name):
        tag, algorithm, kind, digest = self.ds(name).split()
        return struct.pack("!HBB", int(tag), int(algorithm), int(kind)) + \
            bytes.fromhex(digest)

    def later(self, typ, inc):
        """Records of the answers that start later, each as long as none
        that was released after it starts before it."""
        mine = [x for x in self.released if x[0] == typ]
        start = max(inc, self.now())
        return [x[3] for i, x in enumerate(mine) if x[1] > start and
                not any(y[1] <= x[1] for y in mine[i + 1:])]

    def sign(self, typ, keys, inc, exp, superseding):
        inc, exp = self.seconds(inc), self.seconds(exp)
        body = {1: self.rrset(typ, keys), 2: {1: inc, 2: exp}}
        later = self.later(typ, inc)
        if superseding and later:
            body[7] = sorted(later)
        reply = self.ask(ap.SIGN, body)
        if reply[2] == ap.REFUSED:
            return [r[1] for r in reply[4]]
        self.assert_done(reply)
        self.released.append((typ, max(inc, self.now()), exp, reply[3][2]))
        return []

    def asks(self, s):
        inc = s.inc if s.inc is not None else s.at - self.pol.offset
        exp = s.exp if s.exp is not None else inc + self.pol.validity
        return self.sign(s.typ, s.keys, inc, exp, s.superseding)

    def schedules(self, s):
        """All bundles in one request; all are signed, or none."""
        sets = [(self.rrset("DNSKEY", keys),
                 {1: self.seconds(inc), 2: self.seconds(exp)})
                for inc, exp, keys in s.bundles]
        body = ap.schedule(sets)
        later = self.later("DNSKEY", sets[0][1][1])
        if s.superseding and later:
            body[6] = sorted(later)
        reply = self.ask(ap.SIGN_SCHEDULE, body)
        if reply[2] == ap.REFUSED:
            return [r[1] for r in reply[4]]
        self.assert_done(reply)
        for (_, window), signed in zip(sets, reply[3][1]):
            if signed[2] != window:
                raise AssertionError(f"{signed} for {window}")
            self.released.append(("DNSKEY", max(window[1], self.now()),
                                  window[2], signed[3]))
        return []

    def adopts(self, s):
        rrset = self.rrset("DNSKEY", s.keys)
        rrsigs = [self.signed_elsewhere(k, rrset, self.seconds(s.inc),
                                        self.seconds(s.exp))
                  for k in s.signers]
        reply = self.ask(ap.ADOPT, {1: rrset, 2: rrsigs})
        self.assert_done(reply)
        self.released.append(("DNSKEY", self.now(), self.seconds(s.exp),
                              reply[3][1]))
        return []

    def signed_elsewhere(self, name, rrset, inc, exp):
        """The RDATA of an RRSIG by the KSK that no appliance knows of."""
        rdata = self.keys[name]
        head = struct.pack("!HBBIIIH", rrset[2], rdata[3], 2, rrset[3], exp,
                           inc, ap.key_tag(rdata)) + rrset[1]
        data = head + b"".join(
            rrset[1] + struct.pack("!HHIH", rrset[2], 1, rrset[3], len(r)) + r
            for r in rrset[4])
        todo = self.a.path("todo")
        with open(todo, "wb") as f:
            f.write(hashlib.sha256(data).digest())
        with open(self.a.path("etc/pin.main"), encoding="ascii") as f:
            pin = f.read().strip()
        ap.sh("pkcs11-tool", "--module", ap.SOFTHSM, "--token-label", "ksk",
              "--login", "--pin", "env:KSK_TEST_PIN", "--sign", "--mechanism",
              "ECDSA", "--id", self.box.ids[self.keys.labels[name]],
              "--input-file", todo, "--output-file", todo + ".sig",
              env={**os.environ, "KSK_TEST_PIN": pin,
                   "SOFTHSM2_CONF": self.a.path("etc/softhsm2.conf")})
        with open(todo + ".sig", "rb") as f:
            return head + f.read()

    # -- the peer --
    def ask(self, op, body):
        if self.peer is None:
            self.peer = self.a.peer()
        return self.peer.ask(op, body)

    def assert_done(self, reply):
        if reply[2] != ap.DONE:
            raise AssertionError(f"{reply}\n{self.a.log_text()[-2000:]}")

    def close(self):
        if self.peer is not None:
            self.peer.close()


class Text(judge.ZoneText):
    """The zone's entry in the policy, with the token's labels."""

    def __init__(self, stage):
        super().__init__(stage.ds, stage.seconds, stage.t, stage.zone, "auto")
        self.stage = stage

    def ksk(self, name, k):
        return super().ksk(name, k).replace(
            f"label: {name}", f"label: {self.stage.keys.labels[name]}")


class Stories(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = [scenario.load(p) for p in scenario.all_files()]
        cls.box = Box([s.name for s in cls.all])

    @classmethod
    def tearDownClass(cls):
        """The records of all stories say what the timelines say."""
        a = cls.box.a
        try:
            a.stop()
            if "Sanitizer" in a.log_text():
                raise AssertionError(a.log_text())
            a.kskadm("journal", "check", a.path("state/journal/journal.db"))
        finally:
            cls.box.close()


def play(name):
    def test(self):
        story, = [s for s in self.all if s.name == name]
        stage = Stage(self.box, story)
        self.addCleanup(stage.close)
        trouble = stage.load(story.first)
        if trouble:
            # Nothing can be asked: what is refused at each step anyhow.
            self.assertEqual({s.refused for s in story.steps}, {("window",)},
                             trouble)
            self.assertIn("refresh", trouble)
            return
        for step in story.steps:
            stage.at(step.at)
            told = f"at {scenario.time_text(step.at)} {step.act}"
            self.assertEqual(set(getattr(stage, step.act)(step)),
                             set(step.refused), told)
    return test


for _path in scenario.all_files():
    _name = os.path.basename(_path)[:-len(".scn")]
    setattr(Stories, f"test_{_name}", play(_name))


if __name__ == "__main__":
    unittest.main()
