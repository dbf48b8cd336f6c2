#!/usr/bin/python3
"""kskctl against a server that answers right and against one that answers
wrong: what it prints, what it believes, how it ends. Judges: dnssec-verify and
ldns for what it prints, the exit code for the rest.
"""
import json
import os
import re
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import time
import unittest

import cbor2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import fake  # noqa: E402

SANITIZED = True
KSKCTL = os.path.join(ap.BUILD, "kskctl")
VECTORS = os.path.join(ap.TOP, "tests", "vectors", "zonetext")
ZONE = "lab.example."
ZSK_A = ("lab.example. 3600 IN DNSKEY 256 3 13 JewR99QJ1L3ihD1suwTQauI1ZIM+/"
         "zc7ZhrIeUWD0bxh6MnA0BwmLu2c94mAC5YtXCFvlPyZe6q5rNgCJieipQ==")
ZSK_B = ("lab.example. 3600 IN DNSKEY 256 3 13 uoVQ75hDKwl1AjYZ8OLO6hhklLop8z"
         "KGfCMZVUX1N2gzAefTVo/IYCuRFm30bzOMmUU4FTs2FkR5G6TxpmMuTg==")
(DONE, REFUSED, USAGE, UNREACHABLE, LATER, BAD_INPUT, UNVERIFIED) = range(7)


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="kskctl.")
        self.addCleanup(shutil.rmtree, self.dir)
        self.profile = self.at("client/kskctl.yaml")
        self.server = fake.Server(self.dir)
        self.addCleanup(self.server.close)
        self.fake = fake.Fake(self.dir)
        self.server.serve = self.fake.serve
        self.input = self.write("set.zone", ZSK_A + "\n" + ZSK_B + "\n")

    def tearDown(self):
        self.assertEqual(self.server.faults, [])

    def at(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        path = self.at(name)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        return path

    def read(self, path):
        with open(path, encoding="utf-8") as f:
            return f.read()

    def run_ctl(self, *argv, code=DONE, input=None, profile=None):
        done = ap.sh(KSKCTL, "--config", profile or self.profile, *argv,
                     check=False, input=input,
                     env=dict(os.environ, HOME=self.dir))
        self.assertEqual(done.returncode, code,
                         f"{argv}\n{done.out}\n{done.err}")
        self.assertNotIn("Sanitizer", done.err)
        return done

    def enroll(self, *argv, server=None, pin=None, **more):
        server = server or self.server
        return self.run_ctl("enroll", "--appliance", server.address,
                            "--server-pin", pin or server.pin, *argv, **more)

    def sign(self, *argv, code=DONE, **more):
        if not os.path.exists(self.profile):
            self.enroll()
        return self.run_ctl("sign", *(argv or (self.input,)), code=code,
                            **more)

    def records(self, text):
        return [line.split() for line in text.splitlines()]


class Enroll(Case):
    def test_key_certificate_profile_and_snippet(self):
        done = self.enroll("--name", "cron-1")
        for name in ("kskctl.key", "kskctl.crt"):
            mode = os.stat(self.at("client/" + name)).st_mode & 0o777
            self.assertEqual(mode, 0o600, name)
        der = ap.sh("openssl", "pkey", "-in", self.at("client/kskctl.key"),
                    "-pubout", "-outform", "DER").stdout
        pin = fake.hashlib.sha256(der).hexdigest()
        self.assertIn(f"{{name: cron-1, pin: {pin}, may: [read, sign]}}",
                      done.out)
        text = ap.sh("openssl", "x509", "-in", self.at("client/kskctl.crt"),
                     "-noout", "-text").out
        self.assertIn("ASN1 OID: prime256v1", text)
        self.assertIn("CN = cron-1", text)
        self.assertIn("TLS Web Client Authentication", text)
        self.assertIn("CA:FALSE", text)
        self.assertIn(self.server.pin, self.read(self.profile))
        data = json.loads(self.enroll("--json").out)
        self.assertEqual(data["pin"], pin)

    def test_key_is_kept_and_appliances_are_added(self):
        self.enroll()
        key = self.read(self.at("client/kskctl.key"))
        other = fake.Server(self.dir, "other")
        self.addCleanup(other.close)
        self.enroll(server=other)
        self.enroll(pin="ab" * 32)
        self.assertEqual(self.read(self.at("client/kskctl.key")), key)
        text = self.read(self.profile)
        self.assertEqual(text.count("address:"), 2)
        for pin in (self.server.pin, other.pin, "ab" * 32):
            self.assertIn(pin, text)
        # A profile that is gone does not make a key that is there go too.
        os.unlink(self.profile)
        pin = json.loads(self.enroll("--json").out)["pin"]
        self.assertEqual(pin, self.pin_of(self.at("client/kskctl.key")))
        self.assertEqual(self.read(self.at("client/kskctl.key")), key)
        self.sign()
        # One that can't be used is not replaced either.
        os.unlink(self.profile)
        self.write("client/kskctl.crt", self.read(other.certificate))
        done = self.enroll(code=BAD_INPUT)
        self.assertIn("is not the certificate of the key", done.err)
        self.assertEqual(self.read(self.at("client/kskctl.key")), key)
        self.assertFalse(os.path.exists(self.profile))

    def pin_of(self, key):
        der = ap.sh("openssl", "pkey", "-in", key, "-pubout", "-outform",
                    "DER").stdout
        return fake.hashlib.sha256(der).hexdigest()

    def test_missing_certificate(self):
        self.enroll()
        os.unlink(self.at("client/kskctl.crt"))
        done = self.run_ctl("status", code=BAD_INPUT)
        self.assertIn("kskctl.crt", done.err)
        self.assertNotIn("makes a profile", done.err)

    def test_no_trust_on_first_use(self):
        done = self.run_ctl("enroll", "--appliance", self.server.address,
                            code=USAGE)
        self.assertIn("--server-pin", done.err)
        for pin in ("", "ab", "zz" * 32, "ab" * 33):
            self.run_ctl("enroll", "--appliance", self.server.address,
                         "--server-pin", pin, code=USAGE)
        self.assertFalse(os.path.exists(self.at("client")))

    def test_addresses_and_names(self):
        for address in ("host", "host:", ":1", "host:0", "host:65536",
                        "::1:853", "host:08", "[]:1"):
            self.run_ctl("enroll", "--appliance", address, "--server-pin",
                         "ab" * 32, code=USAGE)
        for name in ("", "a b", "x" * 64, "é"):
            self.enroll("--name", name, code=USAGE)
        self.run_ctl("enroll", "--appliance", "[::1]:8853", "--server-pin",
                     "ab" * 32, "--dir", self.at("six"))
        self.assertIn('"[::1]:8853"', self.read(self.at("six/kskctl.yaml")))


class Usage(Case):
    def test_wrong_command_lines(self):
        for argv, piece in (
                ((), "verb is missing"),
                (("sing",), "no verb sing"),
                (("--bogus", "status"), "unknown option --bogus"),
                (("status", "--bogus"), "unknown option --bogus"),
                (("status", "-x"), "unknown option -x"),
                (("sign", "--ex", "f"), "unknown option --ex"),
                (("sign", "--inception"), "--inception takes a value"),
                (("sign", "--exact=1", "f"), "--exact"),
                (("sign", "--inception", "yesterday", "f"), "--inception"),
                (("sign",), "files"),
                (("sign", "-", "-"), "once"),
                (("sign", "--dry-run", "--output", "x", "f"), "--output"),
                (("sign", "--tries", "0", "f"), "--tries"),
                (("sign", "--timeout", "1h", "f"), "--timeout"),
                (("keys",), "one zone"),
                (("status", "a.", "b."), "one zone"),
                (("policy",), "policy takes"),
                (("policy", "check", "--appliance", "12", "f"),
                 "--appliance"),
                (("policy", "rules", "x"), "policy takes")):
            done = self.run_ctl(*argv, code=USAGE)
            self.assertIn(piece, done.err, argv)
            self.assertEqual(done.out, "", argv)

    def test_help_is_data(self):
        for argv in (("--help",), ("sign", "--help"), ("enroll", "--help")):
            done = self.run_ctl(*argv)
            self.assertIn("usage: kskctl", done.out)
            self.assertIn("--config", done.out)
            self.assertEqual(done.err, "")

    def test_profiles_that_are_wrong(self):
        self.enroll()
        good = self.read(self.profile)
        pin = self.server.pin
        for text, piece in (
                (good + "more: 1\n", "more"),
                (good.replace(pin, "abcd"), "64 hexadecimal"),
                (good.replace(self.server.address, "nowhere"), "HOST:PORT"),
                (good.replace("key:", "kee:"), '"key"'),
                ("", "line"),
                (good.replace(f'      - "{pin}"\n', ""), "server-pins"),
                (good.replace("kskctl.key", "none.key"), "none.key"),
                (good.replace("kskctl.crt", "kskctl.key"), "no certificate"),
                (good.replace("kskctl.key", "kskctl.crt"), "no private key")):
            path = self.write("client/bad.yaml", text)
            done = self.run_ctl("status", code=BAD_INPUT, profile=path)
            self.assertIn(piece, done.err, text)
        done = self.run_ctl("status", code=BAD_INPUT,
                            profile=self.at("none.yaml"))
        self.assertIn("enroll", done.err)
        os.chmod(self.at("client/kskctl.key"), 0o640)
        done = self.run_ctl("status", code=BAD_INPUT)
        self.assertIn("chmod 600", done.err)
        self.assertEqual(self.server.connections, 0)

    def test_profile_is_found(self):
        self.enroll()
        home = self.at(".config/ksk")
        os.makedirs(home)
        for name in ("kskctl.key", "kskctl.crt", "kskctl.yaml"):
            shutil.copy(self.at("client/" + name), home)
        base = {"PATH": os.environ["PATH"]}
        for env in ({"HOME": self.dir}, {"KSKCTL_CONFIG": self.profile},
                    {"XDG_CONFIG_HOME": self.at(".config")}):
            done = ap.sh(KSKCTL, "status", env=dict(base, **env), check=False)
            self.assertEqual(done.returncode, DONE, done.err)
        done = ap.sh(KSKCTL, "status", env=base, check=False)
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn("KSKCTL_CONFIG", done.err)


class Status(Case):
    def test_ready(self):
        self.enroll()
        done = self.run_ctl("status")
        for piece in ("state: ready", "version 7", "22" * 32, "record 41",
                      self.fake.hash().hex(), "token main: 2 workers", "11" * 16):
            self.assertIn(piece, done.out)
        self.assertEqual(done.err, "")
        data = json.loads(self.run_ctl("status", ZONE, "--json").out)
        self.assertEqual(data["state"], "ready")
        self.assertEqual(data["journal"], {"record": 41, "hash": self.fake.hash().hex()})
        self.assertEqual(self.fake.requests[-1][3][1], ap.wire_name(ZONE))

    def test_not_ready(self):
        self.enroll()
        self.fake.state = 2
        done = self.run_ctl("status", code=LATER)
        self.assertIn("state: locked: unlock it", done.out)
        self.assertIn("zone lab.example.: locked", done.out)

    def test_clock(self):
        self.enroll()
        for off, piece in ((-40, "behind"), (40, "ahead of")):
            self.fake.clock = off
            done = self.run_ctl("status")
            self.assertRegex(done.err, rf"warning: clock: .* s {piece}")
        self.fake.clock = 20
        self.assertEqual(self.run_ctl("status").err, "")

    def test_zone_names(self):
        self.enroll()
        for verb in ("status", "keys"):
            done = self.run_ctl(verb, "bücher.example", code=BAD_INPUT)
            self.assertIn("A-label", done.err)
        self.assertEqual(self.server.connections, 0)


class Keys(Case):
    def test_text_is_zone_text_of_the_ksks(self):
        self.enroll()
        old = fake.Key(self.dir, "old", ZONE)
        self.fake.keys = lambda r, keys=self.fake.keys: self.with_old(
            keys(r), old)
        done = self.run_ctl("keys", "LAB.example")
        records = [x for x in done.out.splitlines() if not x.startswith(";")]
        self.assertEqual(records,
                         [ap.dnskey_line(ZONE, self.fake.ksk.rdata)])
        self.assertIn("; DS " + ap.ds_text(ZONE, self.fake.ksk.rdata),
                      done.out)
        self.assertIn("may sign: DNSKEY CDS CDNSKEY", done.out)
        self.assertIn("provider alpha: serving", done.out)
        self.assertNotIn(str(old.tag), done.out)
        done = self.run_ctl("keys", ZONE, "--all")
        self.assertIn(f"; KSK {old.tag}:", done.out)
        self.assertIn("; " + ap.dnskey_line(ZONE, old.rdata), done.out)
        data = json.loads(self.run_ctl("keys", ZONE, "--json", "--all").out)
        self.assertEqual([k["stands"] for k in data["ksks"]], [True, False])

    def with_old(self, reply, old):
        reply[3][5].append(self.fake.ksk_entry(old, stands=False))
        return reply

    def test_a_key_that_is_not_the_pinned_one(self):
        self.enroll()
        other = fake.Key(self.dir, "other", ZONE)
        entry = self.fake.ksk_entry(self.fake.ksk)
        entry[1] = other.rdata
        self.fake.ksk_entry = lambda key, stands=True: entry
        done = self.run_ctl("keys", ZONE, code=UNVERIFIED)
        self.assertIn("not the one of DS", done.err)
        self.assertEqual(done.out, "")
        self.sign(code=UNVERIFIED)

    def test_keys_of_another_zone(self):
        self.enroll()
        self.fake.keys_owner = ap.wire_name("other.example.")
        self.run_ctl("keys", ZONE, code=UNVERIFIED)
        self.sign(code=UNVERIFIED)

    def test_unknown_zone(self):
        self.enroll()
        self.fake.keys = lambda r: {1: r[1], 2: 4, 4: [
            {1: "zone", 2: "no such zone"}]}
        done = self.run_ctl("keys", ZONE, code=REFUSED)
        self.assertIn("refused: zone: no such zone", done.err)
        data = json.loads(self.sign(self.input, "--json", code=REFUSED).out)
        self.assertEqual(data["sets"][0]["refusals"][0]["rule"], "zone")


class Sign(Case):
    def test_signed_set_is_validated_by_others(self):
        done = self.sign()
        self.assertEqual(done.err, "")
        rows = self.records(done.out)
        self.assertEqual([r[3] for r in rows], ["DNSKEY"] * 3 + ["RRSIG"])
        rdata = [ap.dnskey_rdata(x) for x in done.out.splitlines()[:3]]
        self.assertEqual(rdata, sorted(rdata))
        keys = self.write("keys", done.out.splitlines()[
            rdata.index(self.fake.ksk.rdata)] + "\n")
        zone = self.write("signed", done.out)
        judged = ap.sh("ldns-verify-zone", "-k", keys, zone, check=False)
        # ldns wants a whole zone; of what is there it must say it is valid.
        self.assertNotRegex(judged.out + judged.err,
                            r"(?i)DNSKEY.*(bogus|mismatch|fail)")

    def test_dnssec_verify(self):
        """A zone signed with BIND's ZSK and completed with our set."""
        zsk = ap.Zsk(self.at("bind"), ZONE)
        done = self.sign(self.write("bind.zone", zsk.line + "\n"))
        lines = done.out.splitlines()
        unsigned = self.write("unsigned", "\n".join([
            f"$ORIGIN {ZONE}", "$TTL 3600",
            "@ SOA ns h 1 3600 900 604800 3600", "@ NS ns",
            "ns A 192.0.2.1", *[x for x in lines if "RRSIG" not in x], ""]))
        ap.sh("dnssec-signzone", "-q", "-P", "-x", "-K", self.at("bind"),
              "-o", ZONE, "-f", self.at("signed"), unsigned,
              os.path.join(self.at("bind"), zsk.base + ".key"),
              cwd=self.at("bind"))
        with open(self.at("signed"), "a", encoding="ascii") as f:
            f.write("\n".join(x for x in lines if "RRSIG" in x) + "\n")
        ap.sh("dnssec-verify", "-o", ZONE, self.at("signed"))

    def test_layouts_give_one_set(self):
        first = None
        for name in ("c03-layout.txt", "c02-mixed-case.txt"):
            self.sign(os.path.join(VECTORS, name))
            sent = [r for r in self.fake.requests if r[2] == 3][-1]
            self.assertIn(self.fake.ksk.rdata, sent[3][1][4])
            first = first or sent[3][1]
            self.assertEqual(sent[3][1], first)

    def test_from_a_pipe(self):
        self.enroll()
        for name, count in (("c06-crlf.txt", 3), ("c06-bom-no-eol.txt", 2),
                            ("c06-crlf-paren.txt", 2)):
            with open(os.path.join(VECTORS, name), "rb") as f:
                done = self.run_ctl("sign", "-", input=f.read())
            self.assertEqual(len(self.records(done.out)), count + 1)

    def test_several_sets_on_one_connection(self):
        self.enroll()
        cds = self.write("cds.zone", f"{ZONE} 3600 CDS "
                         + ap.ds_text(ZONE, self.fake.ksk.rdata) + "\n")
        cdnskey = self.write("cdnskey.zone", ap.dnskey_line(
            ZONE, self.fake.ksk.rdata).replace("DNSKEY", "CDNSKEY") + "\n")
        done = self.sign(self.input, cds, cdnskey)
        self.assertEqual(self.server.connections, 1)
        self.assertEqual([r[2] for r in self.fake.requests],
                         [1, 2, 3, 3, 3])
        self.assertEqual([r[3] for r in self.records(done.out)],
                         ["DNSKEY"] * 3 + ["RRSIG", "CDS", "RRSIG",
                                           "CDNSKEY", "RRSIG"])

    def test_replies_in_any_order(self):
        self.enroll()
        second = self.write("b.zone", ZSK_B + "\n")
        kept = []

        def hold(request):
            kept.append(self.fake.sign(request))
            if len(kept) < 2:
                return None
            return b"".join(frame(r) for r in reversed(kept))
        self.fake.sign_body = hold
        done = self.sign(self.input, second)
        self.assertEqual([r[3] for r in self.records(done.out)],
                         ["DNSKEY"] * 3 + ["RRSIG"] + ["DNSKEY"] * 2
                         + ["RRSIG"])

    def test_exact_and_window(self):
        self.enroll()
        full = self.write("full.zone", "\n".join(
            [ZSK_A, ap.dnskey_line(ZONE, self.fake.ksk.rdata)]) + "\n")
        done = self.sign(full, "--exact", "--inception",
                         "2026-11-01T00:00:00Z", "--expiration", "1794528000")
        sent = self.fake.requests[-1][3]
        self.assertEqual(sent[2], {1: 1793491200, 2: 1794528000})
        self.assertEqual(len(sent[1][4]), 2)
        self.assertIn(" 20261113000000 20261101000000 ", done.out)
        # Without its KSK the set is signed by no key that stands in it.
        done = self.sign("--exact", self.input, code=UNVERIFIED)
        self.assertIn("does not", done.err)

    def test_expiration_before_inception(self):
        done = self.sign(self.input, "--inception", "100", "--expiration",
                         "100", code=BAD_INPUT)
        self.assertEqual(done.err.count("expiration"), 1, done.err)

    def test_dry_run(self):
        done = self.sign(self.input, "--dry-run")
        self.assertEqual(done.out, "")
        self.assertIn("permitted: lab.example. DNSKEY", done.err)
        self.assertTrue(self.fake.requests[-1][3][6])
        data = json.loads(self.sign(self.input, "--dry-run", "--json").out)
        self.assertEqual(data["sets"][0]["status"], "permitted")
        self.assertEqual(data["sets"][0]["rrsigs"], [])

    def test_ttl_of_the_policy(self):
        done = self.sign(os.path.join(VECTORS, "c05-ttl-absent.txt"))
        self.assertIn("the policy's, 3600", done.err)
        self.assertEqual({r[1] for r in self.records(done.out)}, {"3600"})

    def test_json(self):
        data = json.loads(self.sign(self.input, "--json").out)["sets"][0]
        self.assertEqual(data["status"], "done")
        self.assertEqual(len(data["records"]), 3)
        self.assertEqual(len(data["rrsigs"]), 1)
        self.assertEqual(data["record"], self.fake.record)
        self.assertEqual(data["record-hash"], self.fake.hash().hex())
        self.assertEqual(data["zone"], ZONE)

    def test_evidence(self):
        window = self.fake.default_window()
        zsk = fake.Key(self.dir, "zsk", ZONE, flags=256)
        soa = ap.wire_name("ns." + ZONE) + ap.wire_name("h." + ZONE) + \
            struct.pack("!5I", 1, 2, 3, 4, 5)
        rrset = {1: ap.wire_name(ZONE), 2: 6, 3: 3600, 4: [soa]}
        text = (f"{ZONE} 60 SOA ns.{ZONE} h.{ZONE} 1 2 3 4 5\n" +
                ap.rrsig_line(ZONE, b"\0\x30" + zsk.rrsig(
                    rrset, window)[2:], 3600).replace(" DNSKEY ", " SOA "))
        proof = self.write("proof.zone", text + "\n")
        self.sign(self.input, "--evidence", proof)
        evidence = self.fake.requests[-1][3][5]
        self.assertEqual(evidence[0][1], 2)
        self.assertEqual(evidence[0][2], rrset)
        self.assertEqual(evidence[0][3], zsk.rrsig(rrset, window)[:18]
                         + evidence[0][3][18:])
        # A proof over another DNSKEY RRset than this one proves nothing.
        other = self.write("other.zone", self.sign(
            self.write("b.zone", ZSK_B + "\n")).out)
        done = self.sign(self.input, "--evidence", other, code=BAD_INPUT)
        self.assertIn("not the one to be signed", done.err)
        self.sign(self.input, "--evidence", self.input, code=BAD_INPUT)

    def test_two_ksks_must_both_sign(self):
        second = fake.Key(self.dir, "second", ZONE)
        self.fake.ksks.append(second)
        done = self.sign(code=UNVERIFIED)
        self.assertIn(f"KSK {second.tag} must have signed", done.err)
        self.fake.signers = [second, self.fake.ksk]
        done = self.sign()
        self.assertEqual(len(self.records(done.out)), 6)

    def test_a_ksk_that_is_revoked_signs_the_dnskey_set_only(self):
        revoked = fake.Key(self.dir, "revoked", ZONE, flags=385)
        entry = self.fake.ksk_entry(revoked)
        plain = b"\x01\x01" + revoked.rdata[2:]
        entry[2] = struct.pack("!HBB", ap.key_tag(plain), 13, 2) + \
            fake.hashlib.sha256(ap.wire_name(ZONE) + plain).digest()
        keys = self.fake.keys

        def with_revoked(request):
            reply = keys(request)
            reply[3][5].append(entry)
            return reply
        self.fake.keys = with_revoked
        cds = self.write("cds.zone", f"{ZONE} 3600 CDS "
                         + ap.ds_text(ZONE, self.fake.ksk.rdata) + "\n")
        self.sign(cds)
        self.sign(code=UNVERIFIED)
        self.fake.signers.append(revoked)
        self.sign()
        self.sign(cds, code=UNVERIFIED)

    def test_a_ksk_that_stands_later(self):
        """`from` and `until` decide for a window that lies ahead."""
        now = int(time.time())
        later, soon_gone = (fake.Key(self.dir, n, ZONE) for n in "ab")
        keys = self.fake.keys

        def with_both(request):
            reply = keys(request)
            reply[3][5] += [self.fake.ksk_entry(later, stands=False),
                            self.fake.ksk_entry(soon_gone)]
            reply[3][5][1][3] = now + 7200
            reply[3][5][2][4] = now + 3600
            return reply
        self.fake.keys = with_both
        self.fake.signers = [self.fake.ksk, soon_gone]
        done = self.sign()
        self.assertNotIn(ap.dnskey_line(ZONE, later.rdata), done.out)
        ahead = ("--inception", str(now + 7200), self.input)
        self.sign(*ahead, code=UNVERIFIED)
        self.fake.signers = [self.fake.ksk, later]
        done = self.sign(*ahead)
        self.assertIn(ap.dnskey_line(ZONE, later.rdata), done.out)
        self.assertNotIn(ap.dnskey_line(ZONE, soon_gone.rdata), done.out)

    def test_a_ksk_that_is_not_there(self):
        entry = self.fake.ksk_entry(self.fake.ksk)
        del entry[1]
        entry[7], entry[8] = 1, "the token is gone"
        self.fake.ksk_entry = lambda key, stands=True: entry
        done = self.sign(code=LATER)
        self.assertIn("the token is gone", done.err)


class Refusals(Case):
    def refuse(self, request):
        return {1: request[1], 2: 2, 4: [
            {1: "key-allowed", 2: "not pinned", 3: 25635, 4: "alpha"},
            {1: "ttl", 2: "3600 it must be"}]}

    def test_one_line_per_rule(self):
        self.fake.sign_body = self.refuse
        done = self.sign(code=REFUSED)
        self.assertEqual(done.out, "")
        self.assertIn("refused: key-allowed: key 25635 (provider alpha): "
                      "not pinned", done.err)
        self.assertIn("refused: ttl: 3600 it must be", done.err)
        data = json.loads(self.sign(self.input, "--json", code=REFUSED).out)
        self.assertEqual(data["sets"][0]["refusals"][0]["key-tag"], 25635)
        self.assertEqual(self.server.connections, 2)

    def test_one_refused_set_keeps_all_back(self):
        self.fake.sign_body = lambda r: (
            self.refuse(r) if len(r[3][1][4]) == 2 else self.fake.sign(r))
        second = self.write("b.zone", ZSK_B + "\n")
        output = self.write("out.zone", "old\n")
        done = self.sign(self.input, second, "--output", output,
                         code=REFUSED)
        self.assertEqual(done.out, "")
        self.assertEqual(self.read(output), "old\n")

    def test_other_answers(self):
        for status, code in ((3, REFUSED), (4, REFUSED), (5, LATER),
                             (6, LATER), (7, BAD_INPUT), (8, UNREACHABLE),
                             (9, LATER), (1, UNREACHABLE)):
            self.fake.sign_body = lambda r, status=status: {
                1: r[1], 2: status, 5: "because"}
            done = self.sign(code=code)
            self.assertIn("because", done.err)
            self.assertEqual(done.out, "")
        self.assertEqual(self.server.connections, 8)

    def test_warnings(self):
        def warn(request):
            reply = self.fake.sign(request)
            reply[3][6] = [{1: "response-size", 2: "it is large"}]
            return reply
        self.fake.sign_body = warn
        done = self.sign()
        self.assertEqual(done.err, "warning: response-size: it is large\n")
        self.assertEqual(len(self.records(done.out)), 4)


def frame(reply):
    message = cbor2.dumps(reply, canonical=True)
    return struct.pack("!I", len(message)) + message


class BadInput(Case):
    def test_all_files_and_lines_are_named(self):
        self.enroll()
        bad = [os.path.join(VECTORS, n) for n in (
            "c07-flags-overflow.txt", "c13-ttl-mismatch.txt",
            "c12-ksr-date-header.txt", "c09-ulabel.txt",
            "c06-nul-inside.txt")]
        done = self.run_ctl("sign", *bad, self.at("none"), code=BAD_INPUT)
        for piece in (bad[0] + ":line 3: ", bad[1] + ":line 2: ", "(KSR)",
                      "A-label", "zero byte", "No such file"):
            self.assertIn(piece, done.err)
        self.assertEqual(done.out, "")
        self.assertEqual(self.server.connections, 0)

    def test_every_vector_that_must_be_refused(self):
        self.enroll()
        for name in sorted(os.listdir(VECTORS)):
            if not re.match("c(01|03-unb|05-ttl-(range|units)|06-nul|07|09-u|"
                            "12-ksr-(date|unix)|13-ttl-mis|18-extra|"
                            "19-empty|22)|bind|knot", name):
                continue
            done = self.run_ctl("sign", os.path.join(VECTORS, name),
                                code=BAD_INPUT)
            self.assertEqual(done.out, "", name)
            self.assertIn(name, done.err)
        self.assertEqual(self.server.connections, 0)

    def test_too_much(self):
        self.enroll()
        path = self.write("big", b"\n" * (1024 * 1024 + 1))
        self.assertIn("longer than", self.run_ctl(
            "sign", path, code=BAD_INPUT).err)
        lines = ZSK_A.replace("JewR", "{}") + "\n"
        text = "".join(lines.format(f"{i:04d}") for i in range(40))
        self.run_ctl("sign", self.write("many", text), code=BAD_INPUT)


class Unverified(Case):
    def check(self, change, piece):
        def wrong(request):
            reply = self.fake.sign(request)
            change(request, reply[3])
            return reply
        self.fake.sign_body = wrong
        output = self.write("out.zone", "old\n")
        done = self.sign(self.input, "--output", output, code=UNVERIFIED)
        self.assertIn(piece, done.err)
        self.assertEqual(done.out, "")
        self.assertEqual(self.read(output), "old\n")
        self.assertEqual(os.listdir(self.dir).count("out.zone"), 1)
        self.assertFalse([x for x in os.listdir(self.dir)
                          if x.startswith("out.zone.")])
        data = json.loads(self.sign(self.input, "--json",
                                    code=UNVERIFIED).out)
        self.assertEqual(data["sets"][0]["status"], "unverified")
        self.assertNotIn("rrsigs", data["sets"][0])

    def test_one_bit(self):
        def flip(_, body):
            body[1][0] = body[1][0][:-1] + bytes([body[1][0][-1] ^ 1])
        self.check(flip, "RRSIG of key")

    def test_of_another_set(self):
        def other(request, body):
            rrset = dict(request[3][1])
            rrset[4] = rrset[4][1:]
            body[1] = [self.fake.ksk.rrsig(rrset, body[5])]
        self.check(other, "RRSIG of key")

    def test_of_another_key(self):
        stranger = fake.Key(self.dir, "stranger", ZONE)

        def other(request, body):
            body[1] = [stranger.rrsig(request[3][1], body[5])]
        self.check(other, "RRSIG of key")

    def test_one_more_than_must_be(self):
        stranger = fake.Key(self.dir, "stranger", ZONE)

        def more(request, body):
            body[1].append(stranger.rrsig(request[3][1], body[5]))
        self.check(more, f"RRSIG of key {stranger.tag}")

    def test_twice_the_same(self):
        def twice(_, body):
            body[1].append(body[1][0])
        self.check(twice, "RRSIG of key")

    def test_another_ttl(self):
        def ttl(request, body):
            body[1] = [self.fake.ksk.rrsig(request[3][1], body[5], ttl=60)]
        self.check(ttl, "RRSIG of key")

    def test_another_window_than_it_says(self):
        def window(_, body):
            body[5] = {1: body[5][1], 2: body[5][2] + 1}
        self.check(window, "window")

    def test_not_valid_now(self):
        now = int(time.time())
        self.fake.window = {1: now - 7200, 2: now - 3600}
        self.check(lambda *_: None, "RRSIG of key")
        self.fake.window = {1: now + 3600, 2: now + 7200}
        self.check(lambda *_: None, "RRSIG of key")

    def test_none_at_all(self):
        def none(_, body):
            for key in (1, 2, 3):
                del body[key]
        self.check(none, "must have signed")

    def test_another_window_than_was_asked_for(self):
        def wrong(request):
            request[3][2] = {1: 1793491200, 2: 1794528001}
            return self.fake.sign(request)
        self.fake.sign_body = wrong
        self.sign(self.input, "--inception", "1793491200", "--expiration",
                  "1794528000", code=UNVERIFIED)

    def test_a_dry_run_that_signs(self):
        def wrong(request):
            del request[3][6]
            return self.fake.sign(request)
        self.fake.sign_body = wrong
        self.sign(self.input, "--dry-run", code=UNVERIFIED)


class Output(Case):
    def test_replaced_whole(self):
        output = self.write("out.zone", "old\n")
        os.chmod(output, 0o640)
        done = self.sign(self.input, "--output", output)
        self.assertEqual(done.out, "")
        self.assertEqual(len(self.records(self.read(output))), 4)
        self.assertEqual(os.stat(output).st_mode & 0o777, 0o640)
        data = json.loads(self.sign(self.input, "--output", output,
                                    "--json").out)
        self.assertEqual(data["sets"][0]["status"], "done")

    def test_that_can_not_be_written(self):
        done = self.sign(self.input, "--output", self.at("no/out.zone"),
                         code=BAD_INPUT)
        self.assertIn("No such file", done.err)
        full = ap.sh("sh", "-c", '"$1" --config "$2" sign "$3" >/dev/full',
                     "sh", KSKCTL, self.profile, self.input, check=False)
        self.assertEqual(full.returncode, BAD_INPUT)


class Connections(Case):
    def test_wrong_server_pin(self):
        self.enroll(pin="ab" * 32)
        done = self.sign(code=UNREACHABLE)
        self.assertIn(self.server.pin, done.err)
        self.assertEqual(self.fake.requests, [])
        self.assertEqual(self.server.connections, 1)

    def test_second_pin(self):
        self.enroll(pin="ab" * 32)
        self.enroll()
        self.sign()

    def test_server_certificate_out_of_date(self):
        self.server.close()
        self.server = fake.Server(self.dir, "old", past=True)
        self.addCleanup(self.server.close)
        self.server.serve = self.fake.serve
        done = self.sign(code=UNREACHABLE)
        self.assertIn("has expired (valid from", done.err)

    def test_weak_keys(self):
        """On either side: a key is all that a peer is known by."""
        self.enroll()
        for kind in (("rsa", "rsa_keygen_bits:1024"),
                     ("ec", "ec_paramgen_curve:secp256k1")):
            ap.sh("openssl", "req", "-x509", "-newkey", kind[0], "-pkeyopt",
                  kind[1], "-nodes", "-subj", "/CN=x", "-days", "30",
                  "-keyout", self.at("client/weak.key"), "-out",
                  self.at("client/weak.crt"))
            os.chmod(self.at("client/weak.key"), 0o600)
            text = self.read(self.profile).replace("kskctl.", "weak.")
            self.write("client/weak.yaml", text)
            done = self.run_ctl("status", code=BAD_INPUT,
                                profile=self.at("client/weak.yaml"))
            self.assertIn("weak.key: a key of a kind", done.err)
        self.assertEqual(self.server.connections, 0)
        server = fake.Server(self.dir, "weak", bits=1024)
        self.addCleanup(server.close)
        server.serve = self.fake.serve
        self.run_ctl("enroll", "--dir", self.at("w"), "--appliance",
                     server.address, "--server-pin", server.pin)
        done = self.run_ctl("status", code=UNREACHABLE,
                            profile=self.at("w/kskctl.yaml"))
        self.assertIn("its key is of a kind", done.err)
        self.assertEqual(self.fake.requests, [])

    def test_tls_1_2_and_other_alpn(self):
        for more, piece in (({"version": ssl.TLSVersion.TLSv1_2},
                             "protocol version"),
                            ({"alpn": None}, "ksk/1"),
                            ({"alpn": "h2"}, "")):
            server = fake.Server(self.dir, "odd", **more)
            self.addCleanup(server.close)
            server.serve = self.fake.serve
            self.run_ctl("enroll", "--dir", self.at("odd.d"), "--appliance",
                         server.address, "--server-pin", server.pin)
            done = self.run_ctl("status", code=UNREACHABLE,
                                profile=self.at("odd.d/kskctl.yaml"))
            self.assertIn(piece, done.err)
            self.assertEqual(server.connections, 1)
            shutil.rmtree(self.at("odd.d"))
        self.assertEqual(self.fake.requests, [])

    def test_alert_that_comes_late(self):
        """C35: the handshake is over for the client when it is refused."""
        server = fake.Server(self.dir, "strict",
                             trust=self.server.certificate)
        self.addCleanup(server.close)
        server.serve = self.fake.serve
        self.enroll(server=server)
        done = self.sign(code=UNREACHABLE)
        self.assertIn("refuses this client's certificate", done.err)
        self.assertIn("client/kskctl.crt", done.err)
        self.assertRegex(done.err, r"valid from 20\S+Z to 20\S+Z")
        self.assertEqual(server.connections, 1)
        self.assertEqual(done.err.count("\n"), 1)

    def test_alert_behind_a_failed_write(self):
        """The alert waits in the receive buffer while the write fails."""
        server = fake.Server(self.dir, "strict",
                             trust=self.server.certificate)
        self.addCleanup(server.close)
        server.serve = self.fake.serve
        self.enroll(server=server)
        many = [self.write(f"{i}.zone", ZSK_A + "\n") for i in range(40)]
        for _ in range(5):
            done = self.run_ctl("sign", *many, code=UNREACHABLE)
            self.assertIn("refuses this client's certificate", done.err)
        self.assertEqual(server.connections, 5)

    def test_certificate_of_ours_out_of_date(self):
        self.enroll()
        crt, key, _ = fake.certificate(self.dir, "stale", past=True)
        shutil.copy(crt, self.at("client/kskctl.crt"))
        shutil.copy(key, self.at("client/kskctl.key"))
        server = fake.Server(self.dir, "strict", trust=crt)
        self.addCleanup(server.close)
        self.run_ctl("enroll", "--appliance", server.address, "--server-pin",
                     server.pin)
        text = self.read(self.profile).replace(self.server.address,
                                               server.address, 1)
        self.write("client/kskctl.yaml", text.replace(self.server.pin,
                                                      server.pin, 1))
        done = self.run_ctl("status", code=UNREACHABLE)
        self.assertIn("it has expired", done.err)

    def test_reset_is_repeated_with_a_limit(self):
        def reset(raw):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
            raw.close()
            raise EOFError
        self.server.before_handshake = reset
        begin = time.monotonic()
        done = self.sign(code=UNREACHABLE)
        self.assertEqual(self.server.connections, 3)
        self.assertGreater(time.monotonic() - begin, 1.4)
        self.assertRegex(done.err, "connection was lost|reset by peer")
        self.sign("--tries", "1", self.input, code=UNREACHABLE)
        self.assertEqual(self.server.connections, 4)

    def test_lost_once_then_answered(self):
        self.fake.sign_body = self.lose_once
        done = self.sign()
        self.assertEqual(self.server.connections, 2)
        self.assertEqual(len(self.records(done.out)), 4)

    def lose_once(self, request):
        self.fake.sign_body = self.fake.sign
        return fake.Cut("RST")

    def test_cut_at_every_byte(self):
        """C38: an answer counts if its frame is complete, else not."""
        self.enroll()
        rrset = {1: ap.wire_name(ZONE), 2: 48, 3: 3600, 4: sorted(
            [ap.dnskey_rdata(ZSK_A), ap.dnskey_rdata(ZSK_B),
             self.fake.ksk.rdata])}
        window = self.fake.default_window()
        rrsig = self.fake.ksk.rrsig(rrset, window)
        output = self.write("out.zone", "old\n")
        at = [0, "FIN"]

        def cut(request):
            whole = frame({1: request[1], 2: 0, 3: {
                1: [rrsig], 2: self.fake.record + 1,
                3: self.fake.hash(self.fake.record + 1), 4: 7, 5: window}})
            at[2:] = [len(whole)]
            return whole[:at[0]]

        def serve(connection):
            for _ in range(3):
                request = connection.receive()
                reply = self.fake.answer(request)
                if isinstance(reply, bytes):
                    connection.send_raw(reply)
                    raise fake.Cut(at[1])
                connection.send(reply)
        self.fake.sign_body = cut
        self.server.serve = serve
        step = 1 if ap.PLAIN else 9
        while len(at) < 3 or at[0] < at[2]:
            at[1] = ("FIN", "BYE", "RST")[at[0] % 3]
            done = self.sign("--tries", "1", "--output", output, self.input,
                             code=UNREACHABLE)
            self.assertEqual(done.out, "")
            self.assertEqual(self.read(output), "old\n", at)
            at[0] += step
        at[0] = at[2]
        for at[1] in ("FIN", "BYE"):  # complete, with and without an alert
            self.assertEqual(len(self.records(self.sign().out)), 4)
            self.fake.record += 1

    def test_malformed_replies(self):
        good = {1: 1, 2: 0}
        for data in (
                frame({1: 9, 2: 0}),               # number never asked
                frame({1: 0, 2: 1, 5: "text"}),    # about no request
                struct.pack("!I", 0),
                struct.pack("!I", 65536) + b"x" * 100,
                struct.pack("!I", 0xffffffff),
                struct.pack("!I", 3) + b"abc",
                struct.pack("!I", 6) + b"\xbf\x01\x01\x02\x00\xff",
                frame({**good, 7: 1}),
                frame({**good, 3: {}}),
                frame({1: 1, 2: 10}),
                frame({1: 1, 2: 2, 5: "\x1b[2J"}),
                frame({1: 1, 2: 0})):              # done without a body
            self.fake.keys = lambda r, data=data: data
            done = self.sign(code=UNREACHABLE)
            self.assertEqual(done.out, "")
            self.assertEqual(self.read_connections(), 1, data)

    def read_connections(self):
        count, self.server.connections = self.server.connections, 0
        return count

    def test_a_reply_comes_twice(self):
        self.fake.sign_body = lambda r: frame(self.fake.sign(r)) * 2
        done = self.sign(code=UNREACHABLE)
        self.assertIn("not waited for", done.err)
        self.fake.sign_body = lambda r: frame(self.fake.sign(r)) + b"\0"
        done = self.sign(code=UNREACHABLE)
        self.assertIn("more comes than was asked for", done.err)
        self.fake.sign_body = lambda r: frame(self.fake.sign(r)) * 2
        second = self.write("b.zone", ZSK_B + "\n")
        done = self.sign(self.input, second, code=UNREACHABLE)
        self.assertIn("not waited for", done.err)

    def test_silence(self):
        self.fake.sign_body = lambda r: None
        self.enroll()
        begin = time.monotonic()
        done = self.run_ctl("sign", "--timeout", "1", self.input,
                            code=UNREACHABLE)
        self.assertIn("no answer within 1 s", done.err)
        self.assertLess(time.monotonic() - begin, 5 * ap.SLOW)

    def test_dripping(self):
        """A byte now and then buys no time, wherever it stands."""
        def drip(raw):
            while True:
                time.sleep(0.3)
                raw.sendall(b"\x02")

        def drip_hello(raw):
            raw.recv(4096)
            raw.sendall(b"\x16\x03\x03\x40\x00")
            drip(raw)

        def drip_record(connection):
            connection.receive()
            raw = socket.socket(fileno=os.dup(connection.sock.fileno()))
            with raw:
                raw.sendall(b"\x17\x03\x03\x40\x00")
                drip(raw)

        def drip_frame(connection):
            connection.receive()
            connection.send_raw(struct.pack("!I", 60000))
            drip(connection.sock)
        self.enroll()
        for hello, serve in ((drip_hello, None), (None, drip_record),
                             (None, drip_frame)):
            self.server.before_handshake = hello
            self.server.serve = serve
            begin = time.monotonic()
            done = self.run_ctl("status", "--timeout", "1", "--tries", "1",
                                code=UNREACHABLE)
            self.assertIn("no answer within 1 s", done.err)
            self.assertLess(time.monotonic() - begin, 5 * ap.SLOW)

    def test_nobody_listens(self):
        self.enroll()
        self.server.close()
        done = self.sign(code=UNREACHABLE)
        self.assertIn("refused", done.err)


class Several(Case):
    def setUp(self):
        super().setUp()
        self.second = fake.Server(self.dir, "second")
        self.addCleanup(self.second.close)
        self.other = fake.Fake(self.dir, self.fake.ksk)
        self.second.serve = self.other.serve
        self.enroll()
        self.enroll(server=self.second)

    def test_first_is_down(self):
        self.server.close()
        done = self.sign()
        self.assertEqual(len(self.records(done.out)), 4)
        self.assertIn(self.server.address, done.err)

    def test_first_is_not_ready(self):
        self.fake.sign_body = lambda r: {1: r[1], 2: 5, 5: "locked: x"}
        done = self.sign()
        self.assertEqual(len(self.records(done.out)), 4)
        self.assertIn("not-ready: locked", done.err)

    def test_none_is_ready(self):
        for one in (self.fake, self.other):
            one.sign_body = lambda r: {1: r[1], 2: 6, 5: "3 s"}
        self.sign(code=LATER)
        self.second.close()
        self.sign(code=LATER)

    def test_a_refusal_is_an_answer(self):
        self.fake.sign_body = lambda r: {1: r[1], 2: 2, 4: [
            {1: "ttl", 2: "x"}]}
        self.sign(code=REFUSED)
        self.assertEqual(self.second.connections, 0)

    def test_an_answer_that_does_not_verify_ends_it(self):
        self.fake.signers = [fake.Key(self.dir, "stranger", ZONE)]
        self.sign(code=UNVERIFIED)
        self.assertEqual(self.second.connections, 0)

    def test_first_has_another_key(self):
        text = self.read(self.profile).replace(self.server.pin, "ab" * 32)
        self.write("client/kskctl.yaml", text)
        done = self.sign()
        self.assertIn("not in the profile", done.err)
        self.assertEqual(self.fake.requests, [])


class Policy(Case):
    def test_check_names_what_is_wrong(self):
        bad = self.write("policy.yaml", "kind: policy\nversion: 010\n")
        done = self.run_ctl("policy", "check", bad, code=BAD_INPUT)
        self.assertRegex(done.err,
                         rf"(?m)^{re.escape(bad)}:line \d+, column \d+: ")
        data = json.loads(self.run_ctl("policy", "check", bad, "--json",
                                       code=BAD_INPUT).out)
        self.assertFalse(data["good"])
        self.assertTrue(data["errors"])
        self.run_ctl("policy", "check", self.at("none"), code=BAD_INPUT)

    def test_check_good(self):
        text = (f"kind: policy\nappliance: {'11' * 16}\nversion: 3\n"
                "clients: []\nzones: []\n")
        good = self.write("policy.yaml", text)
        done = self.run_ctl("policy", "check", good)
        self.assertIn("version 3, 0 zones", done.out)
        self.assertIn(fake.hashlib.sha256(text.encode()).hexdigest(),
                      done.out)
        self.run_ctl("policy", "check", "--appliance", "11" * 16, good)
        self.run_ctl("policy", "check", "--appliance", "12" * 16, good,
                     code=BAD_INPUT)

    def test_rules(self):
        done = self.run_ctl("policy", "rules")
        for rule in ("key-allowed", "ksk-present", "ttl", "window"):
            self.assertRegex(done.out, rf"(?m)^{rule} +\S")
        data = json.loads(self.run_ctl("policy", "rules", "--json").out)
        self.assertEqual(len(data), len(done.out.splitlines()))


if __name__ == "__main__":
    unittest.main()
