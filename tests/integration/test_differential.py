#!/usr/bin/python3
"""A second opinion on every verdict: the rules of kskd.policy(5) and
PROTOCOL.md 7 written again in Python (oracle.py), random policies and random
requests. The appliance and the oracle must agree on permit or refuse and on
the set of rules named, and each RRSIG must verify, by OpenSSL, over bytes that
are built here.

KSK_REQUESTS=N: how many requests (default 3000). KSK_SEED=N: repeats a run.
"""
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import oracle  # noqa: E402

REQUESTS = int(os.environ.get("KSK_REQUESTS", "3000"))
POLICIES = 6
PIPELINE = 32
SANITIZED = True
SHOWN = 5  # disagreements that are printed
HOUR, DAY = 3600, 86400


def differs_by_history(got, expected, dry):
    """The oracle knows no answers released before; tests/model judges what
    depends on them. With none at all, only a CDS set is refused that no DNSKEY
    set stands behind; behind others, whatever they make of it."""
    if dry:
        return any(got[1] == e[1] | {"early-ds"} for e in expected)
    return got[0] == ap.REFUSED


class Maker:
    """Random policies and requests over a fixed stock of keys."""

    def __init__(self, seed, ksks):
        self.r = random.Random(seed)
        self.ksks = ksks  # {zone: [rdata]}
        self.stock = {}   # {zone: [rdata with flags 256]}
        for zone in ksks:
            keys = [oracle.random_key(self.r, a) for a in
                    [13] * 9 + [15] * 5 + [8] * 4 + [14] * 3 + [16] * 2]
            keys.append(oracle.random_key(self.r, 8, bits=1024))
            self.stock[zone] = [b"\x01\x00" + k for k in keys]

    def some(self, p):
        return self.r.random() < p

    # -- policies --
    def ds(self, zone, rdata):
        return oracle.ds_of(zone, rdata, 4 if self.some(0.2) else 2)

    def ksk_entry(self, zone, rdata, now):
        k = {"ds": self.ds(zone, rdata), "from": 0, "until": None,
             "cds": None, "revoked": False}
        if self.some(0.25):
            k["from"] = now + self.r.choice((-30, -3, 3, 30)) * DAY
        if self.some(0.2):
            k["until"] = max(k["from"], now) + self.r.choice((2, 20)) * DAY \
                if self.some(0.7) else max(now - 2 * DAY, k["from"] + DAY)
        if self.some(0.1):
            k["revoked"] = True
        k["cds"] = not k["revoked"] and self.some(0.85)
        return k

    def providers(self, zone, stock, now):
        out = []
        for name in ("alpha", "beta", "gamma")[:self.r.randint(1, 3)]:
            p = {"name": name, "keys": [], "gone": None,
                 "state": self.r.choice(("serving",) * 5 + ("joining",
                                                            "leaving")),
                 "max": self.r.choice((1, 2, 3, 3)), "proof": "none"}
            if p["state"] == "leaving" and self.some(0.7):
                p["gone"] = now + self.r.choice((-40, -3, 3)) * DAY
            if self.some(0.08):
                p["proof"] = self.r.choice(("one", "all"))
            for _ in range(self.r.randint(1, 4)):
                if not stock:
                    break
                key = stock.pop()
                p["keys"].append({"ds": self.ds(zone, key),
                                  "withdrawn": self.some(0.12)})
                # Two providers that name one key, by two digests.
                if self.some(0.03) and out:
                    self.r.choice(out)["keys"].append(
                        {"ds": oracle.other_ds(zone, key, p["keys"][-1]["ds"]),
                         "withdrawn": self.some(0.3)})
                elif self.some(0.03):
                    p["keys"].insert(self.r.randint(0, len(p["keys"])),
                        {"ds": oracle.other_ds(zone, key, p["keys"][-1]["ds"]),
                         "withdrawn": self.some(0.5)})
            out.append(p)
        return out

    def zone(self, zone, now):
        algorithms = sorted(self.r.sample((8, 13, 14, 15, 16),
                                          self.r.randint(3, 5)))
        algorithms = [13] if self.some(0.5) else sorted({13, *algorithms})
        stock = [k for k in self.stock[zone] if k[3] in algorithms]
        self.r.shuffle(stock)
        # Mostly one algorithm, so that something is permitted.
        stock.sort(key=lambda k: k[3] == 13 or self.some(0.15))
        z = {"name": zone, "clients": ["auto", "reader"],
             "ttl": self.r.choice((HOUR, 2 * HOUR, 300)),
             "sign": self.r.sample((48, 59, 60), self.r.choice((3, 3, 3, 2))),
             "algorithms": algorithms,
             "rsa_min": self.r.choice((1024, 2048)),
             "validity": self.r.choice((14, 21)) * DAY, "refresh": 5 * DAY,
             "offset": HOUR, "horizon": self.r.choice((0, 0, 10 * DAY)),
             "min": self.r.choice((DAY, 3 * DAY)),
             "max_ttl": DAY, "propagation": self.r.choice((HOUR, 6 * HOUR)),
             "parent": None, "cosigners": [], "tag_pairs": [],
             "delete": now + DAY if self.some(0.25) else
             (now - DAY if self.some(0.1) else 0)}
        z["ksks"] = [self.ksk_entry(zone, k, now) for k in self.ksks[zone]
                     if k[3] in algorithms]
        z["providers"] = self.providers(zone, stock, now)
        spare = [k for k in stock if k[3] == 13][:2]
        for key in spare:
            if self.some(0.4):
                sep = b"\x01\x01" + key[2:]
                z["cosigners"].append(
                    {"provider": self.r.choice(("alpha", "delta")),
                     "csk": self.some(0.4), "ds": self.ds(zone, sep),
                     "rdata": sep, "in_parent": self.some(0.4),
                     "until": now + self.r.choice((-2, 2, 90)) * DAY
                     if self.some(0.5) else None})
        if self.some(0.75):
            z["parent"] = [k["ds"] if self.some(0.8) else
                           oracle.other_ds(zone, r, k["ds"])
                           for k, r in zip(z["ksks"],
                                           [x for x in self.ksks[zone]
                                            if x[3] in algorithms])
                           if self.some(0.8)]
            z["parent"] += [c["ds"] for c in z["cosigners"]
                            if self.some(0.3)]
            if self.some(0.1):
                z["parent"].append(oracle.ds_of(
                    zone, b"\x01\x01" + self.stock[zone][0][2:], 2))
            # The policy takes a DS once.
            z["parent"] = list(dict.fromkeys(z["parent"]))
        return z

    # -- requests --
    def good_set(self, z, start):
        """A DNSKEY set that has a chance."""
        zone, out = z["name"], []
        standing = oracle.standing(z, start)
        for k in standing:
            plain = next(r for r in self.ksks[zone]
                         if oracle.ds_matches(k["ds"], zone, r))
            out.append(oracle.revoke(plain) if k["revoked"] else plain)
        due = {k["ds"][1] for k in standing if not k["revoked"]}
        known = {oracle.ds_of(zone, r, t): r for r in self.stock[zone]
                 for t in (2, 4)}
        for p in z["providers"]:
            if p["state"] == "joining" and self.some(0.5):
                continue
            for algorithm in due:
                mine = [known[e["ds"]] for e in p["keys"]
                        if not e["withdrawn"] and e["ds"][1] == algorithm]
                self.r.shuffle(mine)
                out += mine[:self.r.randint(1, p["max"])]
        for c in z["cosigners"]:
            if (c["until"] is None or start < c["until"]) and self.some(0.8):
                out.append(c["rdata"])
        return out

    def bend(self, zone, keys):
        """One change to a set of keys."""
        what = self.r.randrange(17)
        at = self.r.randrange(len(keys)) if keys else None
        if at is None or what == 0 or len(keys[at]) < 5:
            keys.append(self.r.choice(self.stock[zone]))
        elif what == 1:
            del keys[at]
        elif what == 2:  # one bit anywhere
            k = bytearray(keys[at])
            k[self.r.randrange(len(k))] ^= 1 << self.r.randrange(8)
            keys[at] = bytes(k)
        elif what == 3:
            keys[at] = self.r.randrange(65536).to_bytes(2, "big") + \
                keys[at][2:]
        elif what == 4:
            keys[at] = self.r.choice((0, 1, 128, 129, 256, 257, 384, 385,
                                      258, 320)).to_bytes(2, "big") + \
                keys[at][2:]
        elif what == 5:
            keys[at] = keys[at][:2] + bytes([self.r.choice(
                (0, 1, 2, 4, 255))]) + keys[at][3:]
        elif what == 6:
            keys[at] = keys[at][:3] + bytes([self.r.choice(
                (0, 1, 2, 3, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 23,
                 40, 45, 47, 252, 253, 254, 255))]) + keys[at][4:]
        elif what == 7:
            keys[at] = keys[at][:self.r.randrange(len(keys[at]))]
        elif what == 8:
            keys[at] = keys[at] + bytes(self.r.randrange(
                min(200, 1280 - len(keys[at]))))
        elif what == 9:
            keys.append(oracle.revoke(keys[at]))
        elif what == 10:
            keys[at] = oracle.revoke(keys[at])
        elif what == 11:  # another zone's key
            keys.append(self.r.choice(self.stock[self.r.choice(
                list(self.stock))]))
        elif what == 12:
            keys.append(b"\x01" + bytes([self.r.choice((0, 1))])
                        + oracle.random_key(self.r, self.r.choice(
                            (8, 13, 14, 15, 16))))
        elif what == 13:
            keys.append(b"\x01\x00\x03\x08" + oracle.odd_rsa(self.r))
        elif what == 14:  # the same tag as another key
            twin = oracle.same_tag(self.r, keys[at])
            if twin is not None:
                keys.append(twin)
        elif what == 15:
            keys.append(b"\x01\x00\x03" + oracle.odd_point(self.r))
        else:
            keys += self.r.sample(self.stock[zone], 12)
        return keys[:32]

    def window(self, z, now):
        if self.some(0.55):
            return None
        margin = 600
        inception = now + self.r.choice((
            -HOUR, -DAY, -z["validity"] + margin, -z["validity"] - margin,
            z["horizon"] - margin, z["horizon"] + margin, -5 * DAY,
            2 * DAY, 0))
        length = self.r.choice((
            z["validity"], z["validity"] + 1, z["validity"] - 1, z["min"],
            z["min"] - 1, z["min"] + 1, 5 * DAY, 7 * DAY, 0, -DAY, 1,
            2 ** 32, 2 ** 31, 9 * DAY))
        if self.some(0.04):
            return (self.r.choice((0, 1, 2 ** 32, 2 ** 63, 2 ** 64 - 1)),
                    self.r.choice((0, 1, 2 ** 32, 2 ** 63, 2 ** 64 - 1,
                                   now + 5 * DAY)))
        inception = max(0, inception)
        return inception, max(0, inception + length)

    def parent_set(self, z, kind, start):
        """CDS or CDNSKEY, nearly as the policy wants it."""
        zone, out = z["name"], []
        standing = oracle.standing(z, start)
        for k in z["ksks"]:
            if (k in standing and k["cds"]) != self.some(0.04):
                plain = next(r for r in self.ksks[zone]
                             if oracle.ds_matches(k["ds"], zone, r))
                out.append(oracle.ds_rdata(k["ds"]) if kind == 59 else plain)
        for c in z["cosigners"]:
            if (c["in_parent"] and (c["until"] is None or start < c["until"])
                    ) != self.some(0.04):
                out.append(oracle.ds_rdata(c["ds"]) if kind == 59
                           else c["rdata"])
        if self.some(0.25):
            extra = self.r.choice(self.ksks[zone] + self.stock[zone])
            what = self.r.randrange(7)
            made = oracle.ds_rdata(oracle.ds_of(zone, extra, self.r.choice(
                (2, 4)))) if kind == 59 else extra
            if what == 0 and out:
                k = bytearray(self.r.choice(out))
                k[self.r.randrange(len(k))] ^= 1 << self.r.randrange(8)
                out.append(bytes(k))
            elif what == 1:
                out.append(made)
            elif what == 2:
                out.append(made[:self.r.randrange(len(made))])
            elif what == 3:
                out.append(made + b"\0")
            elif what == 4 and kind == 59:
                out.append(made[:3] + b"\1" + made[4:24])
            elif what == 5:  # digest over the owner in upper case
                out.append(oracle.ds_rdata(oracle.ds_of(
                    zone, extra, 2, upper=True)))
            elif out:
                del out[0]
        if self.some(0.2):
            delete = b"\0\0\0\0\0" if kind == 59 else b"\0\0\3\0\0"
            out = [delete] + (out if self.some(0.2) else [])
        if self.some(0.03):
            out.append(b"\0\0\3\0\0" if kind == 59 else b"\0\0\0\0\0")
        return out or [b"\0"]

    def request(self, zones, now):
        z = self.r.choice(zones)
        owner = oracle.wire(z["name"])
        if self.some(0.02):
            owner = self.r.choice((
                b"\x01a" + owner, owner[1 + owner[0]:], b"\0", b"\x07ops.lab\x07example\0"))
        kind = self.r.choice((48, 48, 48, 59, 60))
        window = self.window(z, now)
        start = max(now, window[0] if window else 0)
        if kind == 48:
            keys = self.good_set(z, start)
            for _ in range(self.r.choice((0, 0, 0, 1, 1, 2, 3))):
                keys = self.bend(z["name"], keys)
        else:
            keys = self.parent_set(z, kind, start)
        ttl = z["ttl"] if self.some(0.95) else self.r.choice(
            (0, 1, z["ttl"] + 1, 2 ** 31 - 1))
        keys = sorted(set(keys))[:32] or [b"\1\0"]
        return {"owner": owner, "type": kind, "ttl": ttl, "keys": keys,
                "window": window, "client": "auto" if self.some(0.97) else
                self.r.choice(("reader", "other")),
                "dry": self.some(0.5)}


class Differential(unittest.TestCase):
    told = []   # printed after the verdicts, which stand on lines of their own

    @classmethod
    def tearDownClass(cls):
        print("\n".join(cls.told), flush=True)

    def setUp(self):
        self.seed = int(os.environ.get("KSK_SEED", time.time_ns() % 10 ** 9))
        self.told.append(f"KSK_SEED={self.seed} KSK_REQUESTS={REQUESTS}")
        self.a = ap.Appliance()
        self.addCleanup(self.a.__exit__)
        self.a.make()
        ksks = {}
        for zone, algorithms in (("lab.example.", (13, 13)),
                                 ("xn--bcher-lab-q9a.example.", (13, 15)),
                                 ("ops.lab.example.", (13, 8))):
            ksks[zone] = [self.a.add_ksk(zone, f"{zone[:3]}{i}", n,
                                         2048 if n == 8 else None)
                          for i, n in enumerate(algorithms)]
        self.a.add_client("auto")
        self.a.add_client("other")
        self.a.add_client("reader", "read")
        self.make = Maker(self.seed, ksks)
        self.ksks = ksks
        self.wrong, self.permitted, self.signed, self.seen = 0, 0, 0, {}
        self.allowed = []

    def load(self, zones):
        self.a.version += 1
        self.a.write_policy(oracle.policy_text(
            self.a.id, self.a.version, self.a.clients, zones))
        journal = self.a.path("state/journal")
        if self.a.process is None:
            ap.sh("cp", "-a", journal, journal + ".empty")
            self.a.start()
            return
        # With nothing signed before.
        self.assertEqual(self.a.stop(), 0)
        ap.sh("rm", "-r", journal)
        ap.sh("cp", "-a", journal + ".empty", journal)
        self.a.start()

    def judge(self, zones, request, reply, before, now):
        """Compares one reply. before: appliance time when it was sent."""
        may = {n: m for n, (_, m) in self.a.clients.items()}
        # Between sending and judging a second may have passed.
        expected = [oracle.judge(zones, may, request, t)
                    for t in range(before, now + 1)]
        refusals = {x[1] for x in reply.get(4, [])}
        got = (reply[2], frozenset(refusals - {"more"}))
        good = got in expected or ("more" in refusals and any(
            got[0] == e[0] and got[1] <= e[1] for e in expected)) or \
            differs_by_history(got, expected, request["dry"])
        for rule in refusals:
            self.seen[rule] = self.seen.get(rule, 0) + 1
        if good and reply[2] == ap.DONE:
            self.permitted += 1
            if request["dry"] and request["client"] == "auto":
                self.allowed.append(request)
            good = self.check_answer(zones, request, reply[3], before, now)
        if not good:
            self.wrong += 1
            if self.wrong <= SHOWN:
                print(f"DISAGREE: {request}\n  appliance {reply}\n"
                      f"  oracle {expected}", flush=True)

    def check_answer(self, zones, request, body, before, now):
        z = next(z for z in zones
                 if oracle.wire(z["name"]) == request["owner"])
        window = (body[5][1], body[5][2])
        if request["window"] is not None:
            if window != request["window"]:
                return False
        elif not any(window == oracle.default_window(z, t)
                     for t in range(before, now + 1)):
            return False
        if request["dry"]:
            return 1 not in body
        # Which KSKs stand may change in a second.
        return any(self.signed_by(z, request, window, body, t)
                   for t in range(before, now + 1))

    def signed_by(self, z, request, window, body, now):
        start = max(window[0], now)
        signers = {}
        for k in oracle.standing(z, start):
            if k["revoked"] and request["type"] != 48:
                continue
            plain = next(r for r in self.ksks[z["name"]]
                         if oracle.ds_matches(k["ds"], z["name"], r))
            rdata = oracle.revoke(plain) if k["revoked"] else plain
            signers[(rdata[3], oracle.key_tag(rdata))] = rdata
        if len(body[1]) != len(signers):
            return False
        for rrsig in body[1]:
            rdata = signers.pop((rrsig[2],
                                 int.from_bytes(rrsig[16:18], "big")), None)
            if rdata is None or not oracle.verify(request, window, rdata,
                                                  rrsig):
                return False
            self.signed += 1
        return True

    def sign_some(self, zones):
        """What was permitted, signed: verdicts are compared by dry runs, for
        the oracle knows nothing of what was signed before."""
        with self.a.peer("auto", timeout=60) as peer:
            for request in self.allowed[:20]:
                request = dict(request, dry=False)
                self.take(zones, peer, {
                    peer.send(ap.SIGN, self.body_of(request)):
                    (request, int(time.time()))})
        self.allowed = []

    @staticmethod
    def body_of(request):
        body = {1: {1: request["owner"], 2: request["type"],
                    3: request["ttl"], 4: request["keys"]}}
        if request["window"] is not None:
            body[2] = {1: request["window"][0], 2: request["window"][1]}
        if request["dry"]:
            body[6] = True
        return body

    def round(self, zones, count):
        peers = {n: self.a.peer(n, timeout=60) for n in self.a.clients}
        try:
            open_ = {n: {} for n in peers}
            for _ in range(count):
                now = int(time.time())
                request = self.make.request(zones, now)
                peer = peers[request["client"]]
                request = dict(request, dry=True)
                body = self.body_of(request)
                pending = open_[request["client"]]
                pending[peer.send(ap.SIGN, body)] = (request, now)
                while len(pending) >= PIPELINE:
                    self.take(zones, peer, pending)
            for name, pending in open_.items():
                while pending:
                    self.take(zones, peers[name], pending)
        finally:
            for peer in peers.values():
                peer.close()

    def take(self, zones, peer, pending):
        reply = peer.receive()
        request, before = pending.pop(reply[1])
        self.judge(zones, request, reply, before, int(time.time()))

    def test_appliance_and_oracle_agree(self):
        policies = max(POLICIES, REQUESTS // 2000)
        for i in range(policies):
            now = int(time.time())
            zones = [self.make.zone(zone, now) for zone in self.ksks]
            self.load(zones)
            self.round(zones, REQUESTS // policies)
            self.sign_some(zones)
        self.told.append(
            f"{REQUESTS} requests, {self.permitted} permitted, "
            f"{self.signed} RRSIGs verified, {self.wrong} disagreements; "
            f"refusals {dict(sorted(self.seen.items()))}")
        self.assertEqual(self.wrong, 0, f"KSK_SEED={self.seed}")
        self.assertFalse(self.a.log_lines("child-dead"))
        # The comparison means something: both sides of it were seen.
        self.assertGreater(self.permitted, REQUESTS // 50)
        self.assertGreater(self.signed, 0)
        for rule in ("client", "type", "ttl", "key-form", "key-algorithm",
                     "key-allowed", "provider-present", "ksk-present",
                     "ksk-foreign", "algorithm-complete", "tag-unique",
                     "window", "cds", "early-ds", "zone"):
            self.assertIn(rule, self.seen)
        self.assertEqual(self.a.stop(), 0)


if __name__ == "__main__":
    unittest.main()
