#!/usr/bin/python3
"""kskctl ksr against a whole appliance: a KSR of Knot, with rolls that Knot
planned itself, becomes one schedule with another provider's ZSK in every set;
the SKR is judged, imported and served by Knot. The same in BIND's form; plans
that would break the zone are refused and nothing is written.
"""
import contextlib
import os
import re
import subprocess
import sys
import time
import unittest

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
from test_kskctl import (  # noqa: E402
    BAD_INPUT, DONE, KSKCTL, LATER, REFUSED, USAGE)
from test_kskctl_whole import Cutter  # noqa: E402

SANITIZED = True

ZONE, AHEAD, DAY = "lab.example.", "ahead.example.", 86400
SIGNATURE = ("{validity: 14d, refresh: 5d, inception-offset: 1h, horizon: "
             "100d, min-validity: 1d}")


class Knot:
    """knotd as a provider with an offline KSK; it never has ours."""

    def __init__(self, folder):
        os.mkdir(folder, 0o700)
        self.folder, self.port, self.process = folder, ap.free_port(), None
        os.mkdir(os.path.join(folder, "run"))
        self.conf = os.path.join(folder, "knot.conf")
        with open(os.path.join(folder, "zone"), "w", encoding="ascii") as f:
            f.write(f"{ZONE} 3600 SOA ns.{ZONE} host.{ZONE} 1 3600 600 "
                    f"1209600 3600\n{ZONE} 3600 NS ns.{ZONE}\n"
                    f"ns.{ZONE} 3600 A 192.0.2.1\n")
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(f"""server:
  rundir: "{folder}/run"
  listen: 127.0.0.1@{self.port}
database:
  storage: "{folder}"
policy:
  - id: p
    manual: on
    offline-ksk: on
    algorithm: ecdsap256sha256
    dnskey-ttl: 3600
    zone-max-ttl: 86400
    propagation-delay: 10800
    zsk-lifetime: 30d
    rrsig-lifetime: 14d
    rrsig-refresh: 5d
zone:
  - domain: {ZONE}
    storage: "{folder}"
    file: zone
    dnssec-signing: on
    dnssec-policy: p
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
""")

    def keymgr(self, *argv, check=True):
        return ap.sh("keymgr", "-c", self.conf, ZONE, *argv, check=check)

    def start(self):
        self.process = subprocess.Popen(
            ["knotd", "-c", self.conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ap.wait_for(lambda: self.dig("SOA"))

    def dig(self, kind):
        return ap.sh("dig", "+noall", "+answer", "+dnssec", "+norecurse",
                     "+tcp", "+tries=1", "+time=2", "-p", self.port,
                     "@127.0.0.1", ZONE, kind, check=False).out

    def close(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


def sections(text):
    """[(time word, [record])] of a KSR or SKR, each record on one line."""
    found = []
    for line in text.splitlines():
        head = re.match(r";; \w+ 1\.0 (\d+)", line)
        if head:
            found.append((head[1], []))
        elif line and not line.startswith(";"):
            found[-1][1].append(line)
    return found


def kinds(records):
    """-> [type], as the records come."""
    return [r.split()[3] for r in records]


class Ksr(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.a = a = cls.stack.enter_context(ap.Appliance(name="ksr"))
        a.make()
        cls.knot = Knot(a.path("knot"))
        cls.stack.callback(cls.knot.close)
        cls.knot.keymgr("generate", "algorithm=13", "zsk=yes", "ksk=no")
        cls.knot.keymgr("pregenerate", "+60d")
        cls.ksr = cls.knot.keymgr("generate-ksr", "+0", "+60d").out
        cls.ksr_file = a.write("a.ksr", cls.ksr)
        a.add_ksk(ZONE, "ksk1")
        cls.beta = ap.Zsk(a.path("beta"), ZONE)
        cls.beta_file = a.write("beta.zone", cls.beta.line + "\n")
        cls.alpha = {ap.dnskey_rdata(
            f"{ZONE} 3600 IN DNSKEY 256 3 13 {''.join(k.split())}")
            for k in re.findall(r"DNSKEY 256 3 13 \(([^)]*)\)", cls.ksr)}
        os.mkdir(a.path("home"), 0o700)
        cls.profile = a.path("home", "profile")
        done = cls.run_ctl("enroll", "--name", "auto", "--appliance",
                           f"127.0.0.1:{a.port}", "--server-pin",
                           a.server_pin)
        a.add_client("peer")
        a.clients["auto"] = (
            done.out.split("pin: ")[1].split(",")[0], "read, sign")
        a.add_zone(ZONE, ["ksk1"], {
            "alpha": [ap.ds_text(ZONE, k) for k in sorted(cls.alpha)],
            "beta": [cls.beta]}, clients=("auto", "peer"),
            signature=SIGNATURE)
        a.add_ksk(AHEAD, "ksk2")
        cls.gamma = ap.Zsk(a.path("gamma"), AHEAD)
        a.add_zone(AHEAD, ["ksk2"], {"gamma": [cls.gamma]},
                   clients=("auto", "peer"), signature=SIGNATURE)
        a.write_policy()
        a.start(ready=False)
        a.wait_ready("peer")

    @classmethod
    def run_ctl(cls, *argv, code=DONE, **more):
        done = ap.sh(KSKCTL, "--config", cls.profile, *argv, check=False,
                     **more)
        if code is not None and done.returncode != code:
            raise AssertionError(f"{argv} -> {done.returncode}, not {code}\n"
                                 f"{done.out}{done.err}\n"
                                 + cls.a.log_text()[-3000:])
        return done

    def test_1_bad_input_writes_nothing(self):
        a, out = self.a, self.a.path("out.skr")
        vectors = os.path.join(ap.TOP, "tests", "vectors", "ksr")
        for name, words in (("c12-ksr-cut-off.txt", "line 6: "),
                            ("c12-ksr-two-zones.txt", "line 3: "),
                            ("c12-ksr-version-2.txt", "line 1: ")):
            done = self.run_ctl("ksr", "--output", out,
                                os.path.join(vectors, name), code=BAD_INPUT)
            self.assertIn(words, done.err)
        other = a.write("other.zone", self.beta.line.replace(
            ZONE, "other.example.") + "\n")
        done = self.run_ctl("ksr", "--with", other, self.ksr_file,
                            code=BAD_INPUT)
        self.assertIn("of another zone", done.err)
        self.run_ctl("ksr", "--dialect", "nsd", self.ksr_file, code=USAGE)
        for every in ("59m", "367d", "1h30m", "0"):
            self.run_ctl("ksr", "--every", every, self.ksr_file, code=USAGE)
        self.run_ctl("ksr", code=USAGE)
        # Beta's key is missing: refused by the appliance, bundle by bundle.
        done = self.run_ctl("ksr", "--output", out, self.ksr_file,
                            code=REFUSED)
        self.assertIn("provider-present", done.err)
        self.assertIn("the DNSKEY bundle of 20", done.err)
        self.assertFalse(os.path.exists(out))

    def test_2_a_key_that_is_used_too_early(self):
        keys = sorted(self.alpha)
        now = int(time.time())

        def section(at, *which):
            return f";; KeySigningRequest 1.0 {at}\n" + "".join(
                ap.dnskey_line(ZONE, keys[i]) + "\n" for i in which)
        text = section(now, 0) + section(now + 9 * DAY, 0, 1) + \
            section(now + 9 * DAY + 10, 0, 1) + \
            ";; KeySigningRequest 1.0 generated\n"
        path = self.a.write("early.ksr", text)
        done = self.run_ctl("ksr", "--with", self.beta_file, path,
                            code=BAD_INPUT)
        self.assertIn("10 seconds before the next section", done.err)

    def test_6_all_that_was_signed_lies_ahead(self):
        at = int(time.time()) + 3 * DAY
        text = "".join(
            f";; KeySigningRequest 1.0 {at + i * 5 * DAY}\n{self.gamma.line}\n"
            for i in range(2)) + ";; KeySigningRequest 1.0 generated\n"
        # What can't be written down is not signed.
        link = self.a.path("link.skr")
        os.symlink("elsewhere", link)
        for path in (link, self.a.path("no", "folder"), self.a.dir):
            done = self.run_ctl("ksr", "--output", path, "-", input=text,
                                code=BAD_INPUT)
            self.assertIn(path, done.err)
        done = self.run_ctl("last-answer", AHEAD, code=LATER)
        self.assertIn("no answer was released", done.err)
        # From the pipe, with a section from long ago before the others.
        done = self.run_ctl("ksr", "-", input=f";; KeySigningRequest 1.0 0\n"
                            f"{self.gamma.line}\n{text}", code=DONE)
        self.assertEqual(len(sections(done.out)), 4)
        self.run_ctl("last-answer", AHEAD)
        done = self.run_ctl("ksr", "-", input=text, code=REFUSED)
        self.assertIn("--replace has what was signed ahead", done.err)

    def test_7_no_answer_is_in_effect_yet(self):
        zone = ".".join(("later", AHEAD))
        self.a.add_ksk(zone, "ksk3")
        self.a.add_zone(zone, ["ksk3"], {"gamma": [
            ap.ds_text(zone, self.gamma.rdata)]},
            clients=("auto", "peer"), signature=SIGNATURE)
        self.a.write_policy()
        self.a.reload()
        ap.wait_for(lambda: "unknown-zone" not in self.run_ctl(
            "keys", zone, code=None).err)
        at = int(time.time()) + 3 * DAY
        text = f";; KeySigningRequest 1.0 {at}\n" + \
            self.gamma.line.replace(AHEAD, zone) + \
            "\n;; KeySigningRequest 1.0 generated\n"
        self.run_ctl("ksr", "-", input=text)
        done = self.run_ctl("last-answer", zone, code=LATER)
        self.assertEqual(done.out, "")
        self.assertIn("no answer is in effect yet: the first is valid from "
                      + time.strftime("%Y-%m-%dT%H:%M", time.gmtime(at - 3600)),
                      done.err)

    def test_3_knot_takes_it_and_serves_it(self):
        a, knot, out = self.a, self.knot, self.a.path("a.skr")
        self.assertGreaterEqual(len(self.alpha), 2)
        done = self.run_ctl("ksr", "--with", self.beta_file, "--output", out,
                            self.ksr_file)
        # Nobody has our KSK yet: CDS may not name it.
        self.assertRegex(done.err, r"left out of (\d+) of \1 sections: the "
                                   "parent may not have the DS of KSK")
        with open(out, encoding="ascii") as f:
            skr = f.read()
        asked, got = sections(self.ksr), sections(skr)
        times = [int(t) for t, _ in got]
        self.assertEqual(times, sorted(set(times)))
        # Each section of the request is there, and none is far from the next.
        self.assertLessEqual({int(t) for t, r in asked if r}, set(times))
        self.assertLessEqual(max(b - a for a, b in zip(times, times[1:])),
                             7 * DAY)
        for _, records in got:
            self.assertEqual(sum(" RRSIG " in r for r in records), 1)
            self.assertIn(self.beta.line.split()[-1],
                          "".join(r.split()[-1] for r in records))
        done = knot.keymgr("validate-skr", out, check=False)
        self.assertNotRegex(done.out + done.err, "(?i)error|invalid|malf")
        done = knot.keymgr("import-skr", out, check=False)
        self.assertNotRegex(done.out + done.err, "(?i)error|invalid|malf")
        knot.start()
        ap.wait_for(lambda: "RRSIG" in knot.dig("DNSKEY"))
        served = knot.dig("DNSKEY")
        self.assertIn(f" {ap.key_tag(a.ksks['ksk1'])} {ZONE}", served)
        self.assertEqual(len(re.findall(r"\sDNSKEY\s25", served)), 3)
        # What is signed ahead is not signed over unless somebody says so.
        done = self.run_ctl("ksr", "--with", self.beta_file, self.ksr_file,
                            code=REFUSED)
        self.assertIn("supersedes", done.err)

    def test_5_an_answer_that_is_lost_is_asked_for_again(self):
        """The same bytes: the schedule is signed once."""
        cutter = Cutter(self.a.port, turn=5, times=1)
        self.stack.callback(cutter.close)
        with open(self.profile, encoding="utf-8") as f:
            profile = f.read()
        with open(self.profile, "w", encoding="utf-8") as f:
            f.write(profile.replace(f"127.0.0.1:{self.a.port}",
                                    cutter.address))
        try:
            done = self.run_ctl("ksr", "--replace", "--with",
                                self.beta_file, self.ksr_file)
        finally:
            with open(self.profile, "w", encoding="utf-8") as f:
                f.write(profile)
        self.assertEqual(cutter.connections, 2)
        signed = len(sections(done.out)) - 1
        with self.a.peer("peer") as peer:
            last = {kind: peer.ask(ap.LAST_ANSWER, {
                1: ap.wire_name(ZONE), 2: kind})[3]
                for kind in (ap.DNSKEY, ap.CDNSKEY)}
            head = peer.ask(ap.STATUS)[3][8]
        # Its records are the last ones there are, but for nothing.
        self.assertEqual(last[ap.CDNSKEY][9][-1][1], head)
        self.assertGreaterEqual(len(last[ap.DNSKEY][9]), signed - 1)

    def test_4_the_form_of_bind(self):
        done = self.run_ctl("ksr", "--replace", "--dialect", "bind",
                            "--with", self.beta_file, self.ksr_file)
        # In the first section CDS may not be, so it is in none.
        self.assertRegex(done.err, r"left out of (\d+) of \1 sections: the "
                                   "parent may have the DS of KSK")
        self.assertNotIn(" CDS ", done.out)
        lines = done.out.splitlines()
        self.assertRegex(lines[0], r"^;; SignedKeyResponse 1\.0 \d{14} \(")
        self.assertRegex(lines[-1],
                         r"^;; SignedKeyResponse 1\.0 generated at ")
        for word, records in sections(done.out)[:-1]:
            self.assertEqual(len(word), 14)
            self.assertEqual(kinds(records),  # DNSKEY, then RRSIG
                             sorted(kinds(records)))
            self.assertEqual({r.split()[2] for r in records}, {"IN"})

    def test_6_cds_stands_beside_dnskey(self):
        """From the first section on in which the parent may have the DS."""
        a, knot, out = self.a, self.knot, self.a.path("cds.skr")
        ksk = a.ksks["ksk1"]
        done = self.run_ctl("ksr", "--replace", "--with", self.beta_file,
                            "--output", out, self.ksr_file)
        # What is signed ahead makes nothing ready earlier.
        self.assertRegex(done.err, r"left out of [1-9]\d* of \d+ sections: "
                                   "the parent may have the DS of KSK")
        with open(out, encoding="ascii") as f:
            got = sections(f.read())[:-1]
        self.assertNotIn("CDS", kinds(got[0][1]))
        owner = dns.name.from_text(ZONE)
        key = dns.rrset.from_rdata(owner, 3600, dns.rdata.from_wire(
            "IN", "DNSKEY", ksk, 0, len(ksk)))
        named = dns.rdata.from_text("IN", "CDS", ap.ds_text(ZONE, ksk))
        got = [(w, r) for w, r in got if "CDS" in kinds(r)]
        self.assertGreater(len(got), 2)
        for word, records in got:
            node = dns.zone.from_text("\n".join(records), ZONE,
                                      check_origin=False,
                                      relativize=False)[owner]
            for kind in (dns.rdatatype.DNSKEY, dns.rdatatype.CDS,
                         dns.rdatatype.CDNSKEY):
                rdatas = node.find_rdataset(dns.rdataclass.IN, kind)
                rrsigs = node.find_rdataset(dns.rdataclass.IN,
                                            dns.rdatatype.RRSIG, kind)
                dns.dnssec.validate((owner, rdatas), (owner, rrsigs),
                                    {owner: key}, now=int(word))
                if kind == dns.rdatatype.CDS:
                    self.assertEqual(list(rdatas), [named])
        for verb in ("validate-skr", "import-skr"):
            done = knot.keymgr(verb, out, check=False)
            self.assertNotRegex(done.out + done.err, "(?i)error|invalid|malf")
        done = self.run_ctl("ksr", "--replace", "--no-cds", "--with",
                            self.beta_file, self.ksr_file)
        self.assertNotRegex(done.out + done.err, r"(^|\s)CDS([\s:,]|$)")


if __name__ == "__main__":
    unittest.main()
