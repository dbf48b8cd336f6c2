#!/usr/bin/python3
"""`kskctl check`: all in order at real servers, then one thing after the other
that is not, a signature that the appliance never made among them.
"""
import json
import os
import re
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench as bn  # noqa: E402
from bench import ZONE, ap, sh  # noqa: E402

OK, WARNING, CRITICAL, UNKNOWN = range(4)


def exposition(text):
    """Reads the text format of Prometheus, version 0.0.4, by its grammar and
    with nothing of ours: each metric has one HELP and one TYPE before its
    samples, which stand together, no series twice.
    -> [(name, {label: value}, value)]"""
    name, label = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r"[a-zA-Z_][a-zA-Z0-9_]*"
    value = r'"((?:[^"\\\n]|\\["\\n])*)"'
    number = r"([+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|Inf)|NaN)"
    pair = f"({label})={value}"
    sample = re.compile(f"({name})(?:{{((?:{pair})(?:,{pair})*)}})? {number}")
    helps, types, samples, now = set(), {}, [], None
    if not text.endswith("\n"):
        raise ValueError("no last line feed")
    for line in text[:-1].split("\n"):
        if found := re.fullmatch(f"# HELP ({name}) (.+)", line):
            if found[1] in helps:
                raise ValueError(f"HELP twice: {line}")
            helps.add(found[1])
        elif found := re.fullmatch(f"# TYPE ({name}) (counter|gauge)", line):
            if found[1] in types:
                raise ValueError(f"TYPE twice: {line}")
            types[found[1]], now = found[2], found[1]
        elif found := sample.fullmatch(line):
            labels = dict(re.findall(pair, found[2] or ""))
            if found[1] != now or found[1] not in helps:
                raise ValueError(f"stands apart from its TYPE: {line}")
            if (found[1], labels) in [x[:2] for x in samples]:
                raise ValueError(f"twice: {line}")
            samples.append((found[1], labels, float(found[found.lastindex])))
        else:
            raise ValueError(f"no line of this format: {line}")
    return samples


class Check(unittest.TestCase):
    """One bench, in the order of the names: each leaves it in order."""

    @classmethod
    def setUpClass(cls):
        cls.b = bn.Bench(["beta", "delta"])
        cls.b.__enter__()
        cls.addClassCleanup(cls.b.__exit__)
        cls.b.start_parent()
        cls.b.write_sync(journal="journal.ksk")
        cls.b.sync()
        # BIND may drop our RRSIGs over CDS a moment after DNSKEY changed; the
        # next runs mend that.
        ap.wait_for(lambda: "may have the DS" not in cls.b.sync().out
                    and cls.b.check().returncode == OK, 20, 1)

    def check(self, code, *more):
        done = self.b.check(*more)
        self.assertEqual(done.returncode, code, done.out + done.err)
        return done.out

    def problems(self, code, *more):
        zone, = json.loads(self.check(code, "--json", *more))["zones"]
        return [(p["level"], p["provider"], p["text"])
                for p in zone["problems"]]

    def test_1_in_order(self):
        out = self.check(OK)
        self.assertRegex(out, r"\AKSK OK - 1 zones at 2 addresses \| zones=1 "
                              r"addresses=2 problems=0 left=\d+s\n\Z")
        value = json.loads(self.check(OK, "--json"))
        self.assertEqual(value["level"], "OK")
        zone, = value["zones"]
        self.assertTrue(zone["parent-ok"])
        self.assertTrue(all(a["ok"] and a["size"] > 200
                            for a in zone["addresses"]))

    def test_2_metrics(self):
        out = self.check(OK, "--prometheus")
        self.assertIn(f'ksk_check_level{{zone="{ZONE}"}} 0\n', out)
        self.assertIn(f'ksk_check_address_ok{{zone="{ZONE}",provider="beta",'
                      f'address="{self.b.beta.address}"}} 1\n', out)
        self.assertRegex(out, r'ksk_check_expiration_seconds\{[^}]*\} 1\d{9}')
        self.assertEqual(
            {s[0] for s in exposition(out)},
            {"ksk_check_" + x for x in (
                "level", "problems", "expiration_seconds",
                "foreign_signatures", "parent_ok", "address_ok",
                "response_bytes")})
        for wrong in (out + "x", out[:-1], out + out, out.replace('"', "'", 1),
                      out.replace("# TYPE ksk_check_level gauge\n", "")):
            with self.assertRaises(ValueError):
                exposition(wrong)

    def test_3_time_is_short(self):
        out = self.check(WARNING, "--warning", "60d", "--critical", "1h")
        self.assertIn("KSK WARNING - ", out)
        self.assertIn("the signatures over DNSKEY end in ", out)
        self.assertEqual({p[0] for p in self.problems(
            CRITICAL, "--warning", "90d", "--critical", "60d")}, {"CRITICAL"})

    def test_4_parent(self):
        b = self.b
        stranger = b.ds()[:-2] + "00"
        b.parent.change_ds(b.ds(), stranger)
        self.assertIn("is of no key of the signed set",
                      self.problems(WARNING)[0][2])
        b.parent.change_ds(stranger)
        self.assertIn("CRITICAL", [p[0] for p in self.problems(CRITICAL)])
        b.parent.change_ds(b.ds())
        ap.wait_for(lambda: self.b.check().returncode == OK)

    def test_5_data_by_a_key_that_is_not_listed(self):
        b = self.b
        old = b.delta.active
        new = b.delta.new_zsk(active=True)
        bn.write(b.delta.path("active"), new.base)
        b.delta.sign_carelessly()
        bn.eventually(lambda: new.tag in b.delta.signers())
        found = self.problems(CRITICAL)
        for kind in ("SOA", "NS"):
            self.assertIn(("CRITICAL", "delta", "no key of the signed set has "
                           f"signed its {kind}"), found)
        for kind in ("SOA", "NSEC"):
            self.assertIn(("CRITICAL", "delta", "no key of the signed set has "
                           f"signed the {kind} of its negative answer"), found)
        # Nothing is delivered to a provider that it would break, here one
        # that lost our RRSIGs over CDS and CDNSKEY.
        shutil.copy(b.delta.path("rrsig.zone"), b.delta.path("kept"))
        bn.write(b.delta.path("rrsig.zone"), "".join(
            x + "\n" for x in bn.read(b.delta.path("kept")).splitlines()
            if " RRSIG DNSKEY " in x))
        b.delta.sign_carelessly()
        bn.eventually(lambda: not b.delta.served("CDS")[1])
        tag = ap.key_tag(b.a.ksks["ksk1"])
        found = self.problems(CRITICAL)
        for kind in ("CDS", "CDNSKEY"):
            self.assertIn(("CRITICAL", "delta",
                           f"{kind} lacks our RRSIG by key {tag}"), found)
        out = b.sync(check=False).out
        self.assertIn(f"delta: held back: it signs its zone with key "
                      f"{new.tag}, which the signed set lacks", out)
        self.assertIn("  beta: in order\n", out)
        shutil.copy(b.delta.path("kept"), b.delta.path("rrsig.zone"))
        b.delta.activate(old, new)
        b.delta.forget(new)
        ap.wait_for(lambda: self.b.check().returncode == OK)

    def test_5b_a_gap_in_the_chain(self):
        """Positive answers validate, a name that is missing does not."""
        b = self.b
        path = b.delta.path("signed.zone")
        kept = bn.read(path)
        # The apex's record covers the names before the first one.
        bn.write(path, "".join(x + "\n" for x in sh(
            "ldns-read-zone", path).out.splitlines()
            if not re.match(rf"{re.escape(ZONE)}\s\d+\sIN\s"
                            r"(NSEC|RRSIG\sNSEC)\s", x)))
        b.delta.reload_only()
        found = bn.eventually(lambda: [
            p for p in json.loads(b.check("--json").out)["zones"][0]["problems"]
            if "negative answer proves nothing" in p["text"]])
        self.assertEqual({p["provider"] for p in found}, {"delta"})
        bn.write(path, kept)
        b.delta.reload_only()
        ap.wait_for(lambda: self.b.check().returncode == OK)

    def test_6_down(self):
        b = self.b
        b.delta.stop()
        found = self.problems(CRITICAL)
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0][1], "delta")
        self.assertIn("refused", found[0][2])
        b.delta.start()
        self.check(OK)

    def test_7_signature_that_the_appliance_never_made(self):
        """Somebody signs with a copy of the token and serves that."""
        b = self.b
        with ap.Appliance(name="copy") as two:
            two.make()
            two.ksks = dict(b.a.ksks)
            shutil.rmtree(two.path("tokens"))
            for name in ("tokens", "etc/pin.main", "etc/keymap"):
                sh("cp", "-a", b.a.path(name), two.path(name))
            two.add_client("auto")
            two.add_zone(ZONE, b.ksk, b.state, ttl=f"{bn.KEY_TTL}s",
                         waits=b.WAITS % b.propagation, signature=b.SIGNATURE)
            two.write_policy()
            two.start()
            with two.peer() as peer:
                # The very same set: only the signature is another one.
                keyset = ap.rrset(ZONE, ap.DNSKEY, bn.KEY_TTL,
                                  b.beta.served()[0])
                rrsig = peer.ask(ap.SIGN, {1: keyset})[3][1][0]
        kept = bn.read(b.delta.path("rrsig.zone"))
        lines = [x for x in kept.splitlines() if " RRSIG DNSKEY " not in x]
        lines.append(ap.rrsig_line(ZONE, rrsig, bn.KEY_TTL))
        bn.write(b.delta.path("rrsig.zone"), "\n".join(lines) + "\n")
        b.delta.sign()
        bn.eventually(lambda: any(
            r.to_wire() == rrsig for r in b.delta.served()[1]))
        found = self.problems(CRITICAL)
        tag = ap.key_tag(b.a.ksks["ksk1"])
        self.assertIn(("CRITICAL", "delta", f"KSK {tag} made a signature that "
                       "the appliance never made: somebody else has the key"),
                      found)
        self.assertIn("ksk_check_foreign_signatures"
                      f'{{zone="{ZONE}"}} 1\n',
                      self.check(CRITICAL, "--prometheus"))
        b.sync()
        self.check(OK)

    def test_8_an_old_signature_is_no_foreign_one(self):
        b = self.b
        kept = bn.read(b.delta.path("rrsig.zone"))
        b.write_sync(journal="journal.ksk")
        path = os.path.join(b.dir, "sync.yaml")
        text = bn.read(path)
        # More is demanded to be left than a signature lasts: a new one.
        bn.write(path, text + "    refresh: 20d\n")
        b.sync()
        bn.write(path, text)
        bn.write(b.delta.path("rrsig.zone"), kept)
        b.delta.sign()
        ap.wait_for(lambda: self.b.check().returncode == CRITICAL)
        found = self.problems(CRITICAL)
        self.assertFalse([p for p in found if "never made" in p[2]], found)
        self.assertTrue([p for p in found if "lacks our RRSIG" in p[2]])
        # An export that begins behind the signature can't know it.
        with b.a.peer() as peer:
            head = peer.ask(ap.STATUS)[3][8]
        b.kskctl("--config", os.path.join(b.dir, "kskctl.yaml"), "journal",
                 "export", "--out", os.path.join(b.dir, "late.ksk"),
                 "--from", str(head))
        b.write_sync(journal="late.ksk")
        found = self.problems(CRITICAL)
        self.assertTrue([p for p in found if "unless the export begins too "
                         f"late, with record {head}" in p[2]], found)
        b.write_sync(journal="journal.ksk")
        b.sync()
        self.check(OK)

    def test_8b_size(self):
        """So many keys that the answer does not fit one packet."""
        b = self.b
        bases = [sh("dnssec-keygen", "-q", "-K", b.delta.path("keys"), "-f",
                    "KSK", "-a", bn.ALGORITHM, ZONE).out.strip()
                 for _ in range(12)]
        b.more["co-signers"] = "[" + ", ".join(
            f'{{provider: delta, role: ksk, ds: "{b.delta.key(x).ds}"}}'
            for x in bases) + "]"
        b.set_policy()
        b.sync()
        found = self.problems(WARNING)
        self.assertEqual({p[1] for p in found}, {"beta", "delta"})
        for level, _, text in found:
            self.assertEqual(level, "WARNING")
            self.assertRegex(text, r"the answer for DNSKEY has 1[3-9]\d\d "
                                   "bytes, more than 1232")
        for base in bases:
            b.delta.forget(b.delta.key(base))
        b.more["co-signers"] = "[]"
        b.set_policy()
        b.sync()
        ap.wait_for(lambda: self.b.check().returncode == OK)

    def test_9_no_appliance(self):
        b = self.b
        b.a.stop()
        done = b.check()
        self.assertEqual(done.returncode, UNKNOWN)
        self.assertIn("KSK UNKNOWN - ", done.out)
        self.assertEqual(b.kskctl("check", check=False).returncode, UNKNOWN)
        # Without an appliance nothing is delivered, and nothing breaks.
        done = b.sync(check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("there is no signed set to deliver", done.out)


if __name__ == "__main__":
    unittest.main()
