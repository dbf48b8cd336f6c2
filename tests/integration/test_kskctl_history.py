#!/usr/bin/python3
"""kskctl and what was signed before: sign --previous, --supersedes and
--idempotency, last-answer, adopt; against servers that keep answers, and
against one that gives wrong ones.
"""
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import fake  # noqa: E402
import test_kskctl as base  # noqa: E402
from test_kskctl import (  # noqa: E402
    BAD_INPUT, LATER, REFUSED, UNREACHABLE, UNVERIFIED, USAGE, ZONE, ZSK_B)

SANITIZED = True
OWNER = ap.wire_name(ZONE)


class Case(base.Case):
    def setUp(self):
        super().setUp()
        self.enroll()

    def sent(self, op):
        return [r[3] for r in self.fake.requests if r[2] == op]

    def cds(self):
        return self.write("cds.zone", f"{ZONE} 3600 CDS "
                          + ap.ds_text(ZONE, self.fake.ksk.rdata) + "\n")

    def has_zone_text(self, out, count):
        records = [x for x in out.splitlines() if not x.startswith(";")]
        self.assertEqual(len(records), count, out)
        return records


class Repeat(Case):
    """A request that may have been signed is never signed twice."""

    def test_each_request_has_a_key_of_its_own(self):
        self.sign(self.input, self.write("b.zone", ZSK_B + "\n"))
        self.sign()
        keys = [body[3] for body in self.sent(3)]
        self.assertEqual(len(set(keys)), 3)
        self.assertEqual({len(k) for k in keys}, {16})
        # Random in every byte.
        for _ in range(20):
            self.sign()
        for i in range(16):
            self.assertGreater(len({b[3][i] for b in self.sent(3)}), 5)

    def lose(self, *cuts):
        """Signs, but cuts the connection off before the reply, in turn."""
        cuts = list(cuts)

        def sign(request):
            reply = self.fake.sign(request)
            return fake.Cut(cuts.pop(0)) if cuts else reply
        self.fake.sign_body = sign

    def test_lost_replies(self):
        self.lose("RST", "FIN")
        done = self.sign()
        self.assertEqual(len(self.records(done.out)), 4)
        self.assertEqual(self.server.connections, 3)
        sent = self.sent(3)
        self.assertEqual([sent[0]] * 3, sent)
        self.assertEqual(len(self.fake.answers), 1)
        self.assertEqual(self.fake.record, 43)

    def test_the_repeat_is_the_same_though_the_keys_have_changed(self):
        """What was sent may have been signed: another request with its key
        would be refused."""
        second = fake.Key(self.dir, "second", ZONE)

        def sign(request):
            self.fake.sign_body = self.fake.sign
            self.fake.sign(request)
            self.fake.ksks.append(second)
            return fake.Cut("FIN")
        self.fake.sign_body = sign
        done = self.sign()
        sent = self.sent(3)
        self.assertEqual(sent[0], sent[1])
        self.assertNotIn(ap.dnskey_line(ZONE, second.rdata), done.out)

    def test_all_of_several_are_repeated(self):
        second = self.write("b.zone", ZSK_B + "\n")
        self.lose("RST")
        done = self.sign(self.input, second)
        self.assertEqual(len(self.records(done.out)), 7)
        sent = self.sent(3)
        self.assertEqual(sent[-2:], [sent[0], sent[-1]])
        self.assertEqual(len(self.fake.answers), 2)

    def test_another_appliance_gets_another_key(self):
        other = fake.Fake(self.dir, self.fake.ksk)
        second = fake.Server(self.dir, "second")
        self.addCleanup(second.close)
        second.serve = other.serve
        self.enroll(server=second)
        self.lose("RST", "RST", "RST")
        self.sign()
        keys = {body[3] for body in self.sent(3)}
        self.assertEqual(len(keys), 1)
        there = [r[3][3] for r in other.requests if r[2] == 3]
        self.assertEqual(len(there), 1)
        self.assertNotIn(there[0], keys)

    def test_the_way_to_an_answer_that_was_lost(self):
        self.lose("RST")
        done = self.sign("--tries", "1", self.input, code=UNREACHABLE)
        key = self.sent(3)[0][3].hex()
        self.assertIn(f"--idempotency {key}", done.err)
        self.assertIn(self.server.address, done.err)
        record = self.fake.record
        done = self.sign("--json", "--idempotency", key, self.input)
        data = json.loads(done.out)["sets"][0]
        self.assertEqual(data["record"], record)
        self.assertEqual(data["idempotency"], key)
        self.assertEqual(self.fake.record, record)
        # Much later, too.
        self.fake.record += 1000
        self.run_ctl("status")
        self.sign("--idempotency", key, self.input)
        # With other bytes it is refused.
        done = self.sign("--idempotency", key,
                         self.write("b.zone", ZSK_B + "\n"), code=REFUSED)
        self.assertIn("idempotency", done.err)

    def test_nothing_was_sent_so_nothing_is_told(self):
        self.fake.keys = lambda r: fake.Cut("RST")
        done = self.sign("--tries", "1", self.input, code=UNREACHABLE)
        self.assertNotIn("--idempotency", done.err)

    def test_none(self):
        self.lose("RST")
        self.sign("--idempotency", "none", self.input)
        self.assertEqual([3 in body for body in self.sent(3)],
                         [False, False])
        self.assertEqual(self.fake.record, 45)
        self.sign("--dry-run", self.input)
        self.assertNotIn(3, self.sent(3)[-1])
        self.sign("--idempotency", "auto", self.input)
        self.assertIn(3, self.sent(3)[-1])

    def test_wrong(self):
        key = "ab" * 16
        for argv in (("--idempotency", "ab"), ("--idempotency", "zz" * 16),
                     ("--idempotency", key + "00"), ("--idempotency", ""),
                     ("--idempotency", key, self.input),
                     ("--idempotency", key, "--dry-run")):
            done = self.sign(*argv, self.input, code=USAGE)
            self.assertTrue(done.err, argv)
        self.assertEqual(self.server.connections, 0)


class Order(Case):
    def test_previous_given(self):
        self.sign("--previous", "Ab" * 32, self.input)
        self.assertEqual(self.sent(3)[-1][4], b"\xab" * 32)
        self.sign("--previous", "none", self.input)
        self.assertEqual(self.sent(3)[-1][4], bytes(32))
        self.sign()
        self.assertNotIn(4, self.sent(3)[-1])
        self.assertEqual(self.sent(5), [])

    def test_previous_auto(self):
        """What is asked for is what the sets of this run follow."""
        self.sign("--previous", "auto", self.input)
        self.assertEqual(self.sent(3)[-1][4], bytes(32))
        self.assertEqual(self.sent(5), [{1: OWNER, 2: 48}])
        head = self.fake.hash()
        self.sign("--previous", "auto", self.input, self.cds())
        self.assertEqual([b[4] for b in self.sent(3)[-2:]],
                         [head, bytes(32)])
        self.assertEqual(self.sent(5)[1:], [{1: OWNER, 2: 48},
                                            {1: OWNER, 2: 59}])

    def test_previous_auto_with_answers_ahead(self):
        """The newest answer is the head, not the one in effect."""
        self.sign()
        held = self.fake.held[OWNER, 48]
        held[9] = [{1: 45, 2: int(time.time()) + 86400}]
        self.fake.record = 45
        done = self.sign("--previous", "auto", self.input, code=BAD_INPUT)
        self.assertIn("--previous", done.err)
        held[10] = b"\x77" * 32
        self.sign("--previous", "auto", self.input)
        self.assertEqual(self.sent(3)[-1][4], b"\x77" * 32)
        # An answer ahead that is older than the one in effect.
        self.sign()
        held = self.fake.held[OWNER, 48]
        held[9] = [{1: 5, 2: int(time.time()) + 86400}]
        head = held[4]
        self.sign("--previous", "auto", self.input)
        self.assertEqual(self.sent(3)[-1][4], head)

    def test_supersedes(self):
        self.sign("--supersedes", "45", self.input)
        self.assertEqual(self.sent(3)[-1][7], [45])
        self.sign("--supersedes", "47,0,18446744073709551615,45",
                  "--supersedes", "46", self.input)
        self.assertEqual(self.sent(3)[-1][7], [0, 45, 46, 47, 2 ** 64 - 1])
        many = ",".join(str(i) for i in range(64))
        self.sign("--supersedes", many, self.input)
        self.assertEqual(self.sent(3)[-1][7], list(range(64)))

    def test_a_repeat_follows_the_same(self):
        self.sign()
        head = self.fake.hash()

        def sign(request):
            self.fake.sign_body = self.fake.sign
            self.fake.sign(request)
            return fake.Cut("FIN")
        self.fake.sign_body = sign
        self.sign("--previous", "auto", self.input)
        self.assertEqual([b[4] for b in self.sent(3)[-2:]], [head, head])

    def test_wrong(self):
        many = ",".join(str(i) for i in range(65))
        for argv in (("--previous", "ab"), ("--previous", "x" * 64),
                     ("--previous", ""), ("--previous", "ab" * 33),
                     ("--previous", "none", self.input),
                     ("--previous", "ab" * 32, self.input),
                     ("--supersedes", ""), ("--supersedes", "1,"),
                     ("--supersedes", ",1"), ("--supersedes", "1,1"),
                     ("--supersedes", "01"), ("--supersedes", "-1"),
                     ("--supersedes", "1 2"), ("--supersedes", many),
                     ("--supersedes", "18446744073709551616"),
                     ("--supersedes", "1", self.input)):
            done = self.sign(*argv, self.input, code=USAGE)
            self.assertIn(argv[0], done.err, argv)
        self.assertEqual(self.server.connections, 0)


class LastAnswer(Case):
    def test_zone_text(self):
        signed = self.sign().out
        done = self.run_ctl("last-answer", "LAB.example")
        self.assertEqual("\n".join(self.has_zone_text(done.out, 4)) + "\n",
                         signed)
        self.assertIn("record 43, hash " + self.fake.hash().hex(), done.out)
        self.assertRegex(done.out, r"released 20\S+Z under policy version 7")
        self.assertEqual(done.err, "")

    def test_of_another_type(self):
        signed = self.sign(self.cds()).out
        for name in ("CDS", "cds"):
            done = self.run_ctl("last-answer", ZONE, name)
            self.assertEqual("\n".join(self.has_zone_text(done.out, 2))
                             + "\n", signed)
        # A KSK that is on its way out has signed it: the DNSKEY answer, which
        # proves itself, says that it is one.
        old = fake.Key(self.dir, "old", ZONE)
        self.fake.ksks.append(old)
        self.fake.signers = [self.fake.ksk, old]
        self.sign()
        self.sign(self.cds())
        self.fake.ksks.pop()
        self.run_ctl("last-answer", ZONE, "CDS")
        del self.fake.held[OWNER, 48]
        self.run_ctl("last-answer", ZONE, "CDS", code=UNVERIFIED)

    def test_json(self):
        self.sign()
        held = self.fake.held[OWNER, 48]
        data = json.loads(self.run_ctl("last-answer", ZONE, "--json").out)
        for key, value in (("status", "held"), ("zone", ZONE),
                           ("type", "DNSKEY"), ("ttl", 3600), ("record", 43),
                           ("record-hash", self.fake.hash().hex()),
                           ("policy-version", 7), ("adopted", False),
                           ("later", []),
                           ("previous", self.fake.hash().hex())):
            self.assertEqual(data[key], value, key)
        self.assertEqual(len(data["records"]), 3)
        self.assertEqual(len(data["rrsigs"]), 1)
        held[9], held[10] = [{1: 45, 2: 1893456000}], b"\x99" * 32
        data = json.loads(self.run_ctl("last-answer", ZONE, "--json").out)
        self.assertEqual(data["later"], [
            {"record": 45, "inception": "2030-01-01T00:00:00Z"}])
        self.assertEqual(data["previous"], "99" * 32)
        done = self.run_ctl("last-answer", ZONE)
        self.assertIn("record 45, is valid from 2030-01-01T00:00:00Z",
                      done.out)

    def test_nothing_yet(self):
        done = self.run_ctl("last-answer", ZONE, code=LATER)
        self.assertEqual(done.out, "")
        self.assertIn("no answer", done.err)
        data = json.loads(self.run_ctl("last-answer", ZONE, "--json",
                                       code=LATER).out)
        self.assertEqual(data, {"zone": ZONE, "type": "DNSKEY",
                                "status": "nothing"})

    def test_what_does_not_verify(self):
        self.sign()
        good = dict(self.fake.held[OWNER, 48])
        stranger = fake.Key(self.dir, "stranger", ZONE)
        inside = {**good[1], 4: sorted(good[1][4] + [stranger.rdata])}
        past = {1: good[6][1] - 86400 * 30, 2: good[6][1] - 86400}
        for change, piece in (
                ({2: [flip(good[2][0])]}, "RRSIG of key"),
                ({1: {**good[1], 3: 60}}, "RRSIG of key"),
                ({1: {**good[1], 4: good[1][4][1:]}}, "RRSIG of key"),
                ({1: {**good[1], 1: ap.wire_name("x.example.")}},
                 "another zone"),
                ({6: {**good[6], 2: good[6][2] + 1}}, "another window"),
                ({2: [stranger.rrsig(good[1], good[6])]}, "no KSK"),
                # One that signs itself in is not one of the policy.
                ({1: inside, 2: [stranger.rrsig(inside, good[6])]},
                 "policy pins"),
                ({2: [self.fake.ksk.rrsig(good[1], past)], 6: past},
                 "RRSIG of key")):
            self.fake.held[OWNER, 48] = {**good, **change}
            done = self.run_ctl("last-answer", ZONE, code=UNVERIFIED)
            self.assertIn(piece, done.err)
            self.assertEqual(done.out, "")
            self.run_ctl("last-answer", ZONE, "--json", code=UNVERIFIED)
        self.fake.held[OWNER, 48] = good
        self.run_ctl("last-answer", ZONE)

    def test_refused_and_unknown(self):
        self.fake.last_answer = lambda r: {1: r[1], 2: 3, 5: "no right"}
        done = self.run_ctl("last-answer", ZONE, code=REFUSED)
        self.assertIn("no right", done.err)
        self.fake.last_answer = lambda r: {1: r[1], 2: 8, 5: "what?"}
        self.run_ctl("last-answer", ZONE, code=UNREACHABLE)

    def test_wrong_command_lines(self):
        for argv in ((), (ZONE, "CDS", "x"), (ZONE, "SOA"), (ZONE, "")):
            self.run_ctl("last-answer", *argv, code=USAGE)
        self.run_ctl("last-answer", "bücher.example", code=BAD_INPUT)
        self.assertEqual(self.server.connections, 0)


class Adopt(Case):
    def setUp(self):
        super().setUp()
        self.second = fake.Server(self.dir, "second")
        self.addCleanup(self.second.close)
        self.other = fake.Fake(self.dir, self.fake.ksk)
        self.other.id, self.other.journal = b"\x22" * 16, b"other"
        self.second.serve = self.other.serve

    def signed(self):
        """A file with an answer that the appliance does not have."""
        path = self.write("signed.zone", self.sign().out)
        self.fake.held.clear()
        self.fake.requests.clear()
        return path

    def test_a_file(self):
        path = self.signed()
        rrset = {1: OWNER, 2: 48, 3: 3600, 4: sorted(
            ap.dnskey_rdata(x) for x in self.read(path).splitlines()[:3])}
        done = self.run_ctl("adopt", path)
        self.assertEqual(done.out, f"{self.server.address}: adopted as "
                         f"record {self.fake.record}, hash "
                         f"{self.fake.hash().hex()}\n")
        self.assertEqual(self.sent(10)[0][1], rrset)
        self.assertEqual(len(self.sent(10)[0][2]), 1)
        # It is there, and it is not adopted twice.
        self.assertEqual("\n".join(self.has_zone_text(
            self.run_ctl("last-answer", ZONE).out, 4)) + "\n",
            self.read(path))
        done = self.run_ctl("adopt", path)
        self.assertIn("has it already", done.out)
        self.assertEqual(len(self.sent(10)), 1)

    def test_from_a_pipe_and_json(self):
        path = self.signed()
        text = "; comments are fine\n" + self.read(path)
        data = json.loads(self.run_ctl("adopt", "--json", "-",
                                       input=text).out)
        self.assertEqual(data, {
            "zone": ZONE, "appliances": [{
                "address": self.server.address, "status": "adopted",
                "record": self.fake.record,
                "record-hash": self.fake.hash().hex(), "warnings": []}]})
        data = json.loads(self.run_ctl("adopt", "--json", path).out)
        self.assertEqual(data["appliances"][0]["status"], "present")

    def test_warnings(self):
        def adopt(request):
            reply = fake.Fake.adopt(self.fake, request)
            reply[3][3] = [{1: "response-size", 2: "it is large"}]
            return reply
        path, self.fake.adopt = self.signed(), adopt
        done = self.run_ctl("adopt", path)
        self.assertEqual(done.err, "warning: response-size: it is large\n")

    def test_signatures_of_others_are_left_out(self):
        """A provider signs the set with its ZSK too, and a KSK of another
        owner stands in it; what counts is ours."""
        window = self.fake.default_window()
        zsk = fake.Key(self.dir, "zsk", ZONE, flags=256)
        foreign = fake.Key(self.dir, "foreign", ZONE)
        rrset = {1: OWNER, 2: 48, 3: 3600, 4: sorted(
            k.rdata for k in (zsk, foreign, self.fake.ksk))}
        lines = [ap.dnskey_line(ZONE, r) for r in rrset[4]]
        lines += [ap.rrsig_line(ZONE, k.rrsig(rrset, window), 3600)
                  for k in (zsk, foreign, self.fake.ksk)]
        self.run_ctl("adopt", self.write("all.zone", "\n".join(lines) + "\n"))
        sent = self.sent(10)[0][2]
        self.assertEqual([int.from_bytes(r[16:18], "big") for r in sent],
                         [self.fake.ksk.tag])
        # Without ours it is no answer of ours.
        done = self.run_ctl("adopt", self.write(
            "foreign.zone", "\n".join(lines[:-1]) + "\n"), code=BAD_INPUT)
        self.assertIn("policy pins", done.err)

    def test_files_that_prove_nothing(self):
        path = self.signed()
        lines = self.read(path).splitlines()
        window = self.fake.default_window()
        past = {1: window[1] - 86400 * 30, 2: window[1] - 86400}
        rrset = {1: OWNER, 2: 48, 3: 3600, 4: sorted(
            ap.dnskey_rdata(x) for x in lines[:3])}
        old = ap.rrsig_line(ZONE, self.fake.ksk.rrsig(rrset, past), 3600)
        ksk = ap.dnskey_line(ZONE, self.fake.ksk.rdata)
        soa = (f"{ZONE} 3600 SOA ns.{ZONE} h.{ZONE} 1 2 3 4 5\n"
               + lines[-1].replace(" DNSKEY ", " SOA "))
        cds = self.sign(self.cds()).out
        connections = self.server.connections
        for text, piece in (
                ("\n".join(lines[:3]), ""),         # no RRSIG
                ("\n".join(lines[1:]), "RRSIG of key"),
                ("\n".join(x for x in lines if x != ksk), "SEP bit"),
                ("\n".join(lines[:3] + [old]), "RRSIG of key"),
                ("\n".join(lines[:-1] + [lines[-1][:-8] + "AAAAAA=="]), ""),
                (soa, "only a DNSKEY"),
                (cds, "only a DNSKEY"),
                ("", "")):
            done = self.run_ctl("adopt", self.write("bad.zone", text + "\n"),
                                code=BAD_INPUT)
            self.assertIn(piece, done.err, text)
            self.assertTrue(done.err)
            self.assertEqual(done.out, "")
        self.run_ctl("adopt", self.at("none"), code=BAD_INPUT)
        # All of it is found before anybody is asked.
        self.assertEqual(self.server.connections, connections)

    def test_what_is_covered_already(self):
        """The appliance names the older record whose answer covers it."""
        path = self.signed()
        number = self.fake.record
        self.fake.record += 8
        self.fake.adopt = lambda r: {1: r[1], 2: 0, 3: {
            1: number, 2: self.fake.hash(number)}}
        done = self.run_ctl("adopt", path)
        self.assertIn(f"has it already: record {number}, ", done.out)
        data = json.loads(self.run_ctl("adopt", "--json", path).out)
        self.assertEqual(data["appliances"][0]["status"], "present")

    def test_refused(self):
        path = self.signed()
        self.fake.adopt = lambda r: {1: r[1], 2: 2, 5: "no", 4: [
            {1: "adopt", 2: "the timeline is ahead"}]}
        done = self.run_ctl("adopt", path, code=REFUSED)
        self.assertIn("refused: adopt: the timeline is ahead", done.err)
        data = json.loads(self.run_ctl("adopt", path, "--json",
                                       code=REFUSED).out)
        self.assertEqual(data["appliances"][0]["refusals"], [
            {"rule": "adopt", "why": "the timeline is ahead"}])

    def test_the_reply_is_lost(self):
        """At the next try it is there."""
        path = self.signed()

        def adopt(request):
            fake.Fake.adopt(self.fake, request)
            return fake.Cut("RST")
        self.fake.adopt = adopt
        done = self.run_ctl("adopt", path)
        self.assertIn("has it already", done.out)
        self.assertEqual(len(self.sent(10)), 1)

    def test_all_of_a_file(self):
        path = self.signed()
        self.enroll(server=self.second)
        done = self.run_ctl("adopt", path)  # one is enough
        self.assertEqual(self.second.connections, 0)
        done = self.run_ctl("adopt", "--all", path)
        self.assertRegex(
            done.out, rf"(?s)^{self.server.address}: has it already.*\n"
            rf"{self.second.address}: adopted as record 43, hash "
            + self.other.hash().hex() + r"\n$")

    def test_a_later_one_is_kept(self):
        path = self.signed()
        self.enroll(server=self.second)
        now = int(time.time())
        self.other.window = {1: now - 60, 2: now + 86400}
        profile = self.read(self.profile)
        self.write("client/second.yaml", profile.replace(
            self.server.address, "127.0.0.1:1"))
        self.run_ctl("sign", self.input, profile=self.at(
            "client/second.yaml"))
        done = self.run_ctl("adopt", "--all", path)
        self.assertIn(f"{self.second.address}: holds a later one: record 43",
                      done.out)
        self.assertEqual([r for r in self.other.requests if r[2] == 10], [])

    def test_a_zone(self):
        """From the appliance that has it to the one that lacks it."""
        signed = self.sign().out
        self.enroll(server=self.second)
        done = self.run_ctl("adopt", ZONE)
        self.assertRegex(
            done.out, rf"(?s)^{self.server.address}: has it already.*\n"
            rf"{self.second.address}: adopted as record 43")
        self.server.close()
        done = self.run_ctl("last-answer", ZONE)
        self.assertEqual("\n".join(self.has_zone_text(done.out, 4)) + "\n",
                         signed)
        self.assertIn("; adopted ", done.out)

    def test_a_zone_the_other_way(self):
        self.enroll(server=self.second)
        self.sign()
        self.other.held, self.fake.held = self.fake.held, {}
        self.other.record, self.other.journal = 43, self.fake.journal
        data = json.loads(self.run_ctl("adopt", ZONE, "--json").out)
        self.assertEqual([x["status"] for x in data["appliances"]],
                         ["adopted", "present"])
        self.assertEqual(data["zone"], ZONE)

    def test_a_zone_that_nobody_has(self):
        self.enroll(server=self.second)
        done = self.run_ctl("adopt", ZONE, code=LATER)
        self.assertIn("no appliance", done.err)
        self.server.close()
        self.run_ctl("adopt", ZONE, code=UNREACHABLE)

    def test_one_is_down(self):
        """The others are fed all the same; the exit code tells."""
        path = self.signed()
        self.enroll(server=self.second)
        self.server.close()
        done = self.run_ctl("adopt", "--all", path, code=UNREACHABLE)
        self.assertIn(f"{self.second.address}: adopted", done.out)
        self.assertIn(self.server.address, done.err)

    def test_one_gives_a_wrong_answer(self):
        self.sign()
        rrsigs = self.fake.held[OWNER, 48][2]
        rrsigs[0] = flip(rrsigs[0])
        self.enroll(server=self.second)
        done = self.run_ctl("adopt", ZONE, code=UNVERIFIED)
        self.assertIn("does not verify", done.err)
        self.assertEqual([r for r in self.other.requests if r[2] == 10], [])

    def test_wrong_command_lines(self):
        for argv in ((), ("a", "b"), (ZONE, "CDS"), ("--every", "x")):
            self.run_ctl("adopt", *argv, code=USAGE)
        self.run_ctl("adopt", "bücher.example.", code=BAD_INPUT)
        self.assertEqual(self.server.connections, 0)


class Moments(Case):
    """What keys and status tell of the past and of what comes."""

    DAY = 86400

    def test_keys(self):
        now = int(time.time())
        day = self.DAY
        self.fake.ksk_moments = {9: now - day, 10: now + day}
        self.fake.zsk_moments = {4: now + 2 * day, 5: now + 3 * day}
        done = self.run_ctl("keys", ZONE)
        self.assertIn("in every cache since " + stamp(now - day), done.out)
        self.assertIn("the parent may have its DS from " + stamp(now + day),
                      done.out)
        self.assertIn("in every cache from " + stamp(now + 2 * day), done.out)
        self.assertIn("may leave from " + stamp(now + 3 * day), done.out)
        data = json.loads(self.run_ctl("keys", ZONE, "--json").out)
        ksk, key = data["ksks"][0], data["providers"][0]["keys"][0]
        self.assertEqual(ksk["covered-from"], stamp(now - day))
        self.assertEqual(ksk["ds-from"], stamp(now + day))
        self.assertEqual(key["covered-from"], stamp(now + 2 * day))
        self.assertEqual(key["drop"], stamp(now + 3 * day))
        self.assertNotIn("exposed-until", key)

    def test_keys_that_left_or_never_came(self):
        now = int(time.time())
        done = self.run_ctl("keys", ZONE)
        for words in ("cache", "leave", "exposed", "parent may"):
            self.assertNotIn(words, done.out)
        data = json.loads(self.run_ctl("keys", ZONE, "--json").out)
        self.assertNotIn("covered-from", data["ksks"][0])
        self.fake.zsk_moments = {4: now - self.DAY}
        done = self.run_ctl("keys", ZONE)
        self.assertIn("may not leave: nothing stands in", done.out)
        self.fake.zsk_moments = {3: True, 4: 0, 5: now - self.DAY,
                                 6: now + self.DAY}
        done = self.run_ctl("keys", ZONE)
        self.assertIn("withdrawn", done.out)
        self.assertIn("in every cache always", done.out)
        self.assertIn("may leave since " + stamp(now - self.DAY), done.out)
        self.assertIn("exposed until " + stamp(now + self.DAY), done.out)
        self.fake.zsk_moments = {3: True, 6: now - self.DAY}
        done = self.run_ctl("keys", ZONE)
        self.assertIn("exposed until " + stamp(now - self.DAY) + ", over",
                      done.out)
        data = json.loads(self.run_ctl("keys", ZONE, "--json").out)
        key = data["providers"][0]["keys"][0]
        self.assertEqual(key["exposed-until"], stamp(now - self.DAY))

    def test_status(self):
        now = int(time.time())
        self.fake.more_status = {
            13: {1: OWNER, 2: now + 13 * self.DAY + 4 * 3600 + 1800},
            14: "token-object, late", 15: 40}
        done = self.run_ctl("status")
        self.assertRegex(done.out, r"(?m)^first to expire: lab.example., "
                         + stamp(now + 13 * self.DAY + 4 * 3600 + 1800)
                         + r" \(in 13 d 4 h\)$")
        self.assertRegex(done.out, r"(?m)^anchor: token-object, late$")
        self.assertRegex(done.out, r"(?m)^checkpoint: record 40$")
        data = json.loads(self.run_ctl("status", "--json").out)
        self.assertEqual(data["earliest"], {
            "zone": ZONE,
            "expiration": stamp(now + 13 * self.DAY + 4 * 3600 + 1800)})
        self.assertEqual(data["journal"], {
            "record": 41, "hash": self.fake.hash().hex(),
            "anchor": "token-object, late", "checkpoint": 40})

    def test_status_tells_what_is_exposed(self):
        until = int(time.time()) + self.DAY
        ds = bytes.fromhex("30390d02") + b"\x11" * 32
        self.fake.more_status = {17: [{1: OWNER, 2: "alpha", 3: ds, 4: until}]}
        done = self.run_ctl("status")
        self.assertRegex(done.out, r"(?m)^withdrawn key 12345 of alpha for "
                         r"lab.example.: exposed until " + stamp(until) + "$")
        data = json.loads(self.run_ctl("status", "--json").out)
        self.assertEqual(data["exposed"], [{
            "zone": ZONE, "provider": "alpha", "until": stamp(until),
            "ds": "12345 13 2 " + "11" * 32}])

    def test_status_without_them(self):
        done = self.run_ctl("status")
        for words in ("expire", "anchor", "checkpoint", "exposed"):
            self.assertNotIn(words, done.out)
        data = json.loads(self.run_ctl("status", "--json").out)
        self.assertNotIn("earliest", data)
        self.assertNotIn("exposed", data)
        self.assertEqual(sorted(data["journal"]), ["hash", "record"])

    def test_an_answer_that_has_expired(self):
        now = int(time.time())
        self.fake.more_status = {13: {1: OWNER, 2: now - 90 * 60}}
        done = self.run_ctl("status")
        self.assertIn("(1 h 30 m ago: nobody validates it)", done.out)

    def test_what_ends_a_state(self):
        for state, words in ((1, "token"), (2, "PIN"), (3, "key"),
                             (4, "time"), (5, "room"), (6, "accept"),
                             (7, "policy")):
            self.fake.state = state
            done = self.run_ctl("status", code=LATER)
            line = [x for x in done.out.splitlines()
                    if x.startswith("ended by: ")]
            self.assertEqual(len(line), 1, done.out)
            self.assertIn(words, line[0])
            data = json.loads(self.run_ctl("status", "--json",
                                           code=LATER).out)
            self.assertEqual(line[0], "ended by: " + data["ended-by"])
        self.fake.state = 0
        self.assertNotIn("ended by", self.run_ctl("status").out)


class Manual(base.Case):
    """Every command of the manual's examples does what it is there for."""

    ZONE = "example.com."

    def appliance(self, server, **more):
        one = fake.Fake(self.dir, self.ksk)
        server.serve = one.serve
        for name, value in more.items():
            setattr(one, name, value)
        return one

    def examples(self):
        with open(os.path.join(ap.TOP, "client", "kskctl.1"),
                  encoding="utf-8") as f:
            text = f.read()
        text = text.split(".Sh EXAMPLES")[1].split(".Sh SEE ALSO")[0]
        return [x.replace("\\-", "-") for x in text.splitlines()
                if x.startswith("kskctl ")]

    def test_examples(self):
        self.ksk = fake.Key(self.dir, "key", self.ZONE)
        second = fake.Server(self.dir, "second")
        self.addCleanup(second.close)
        first = self.appliance(self.server)
        other = self.appliance(second, id=b"\x22" * 16, record=5)
        window = first.default_window()
        zsk = base.ZSK_A.replace(ZONE, self.ZONE)
        self.write("alpha.zone", zsk + "\n")
        owner = ap.wire_name(self.ZONE)
        served = {1: owner, 2: 48, 3: 3600, 4: sorted(
            [ap.dnskey_rdata(zsk), self.ksk.rdata])}
        self.write("served.zone", "\n".join(
            [ap.dnskey_line(self.ZONE, r) for r in served[4]] + [
                ap.rrsig_line(self.ZONE, self.ksk.rrsig(served, window),
                              3600)]) + "\n")
        cds = {1: owner, 2: 59, 3: 3600, 4: [self.ksk.ds()]}
        self.write("policy.yaml", f"kind: policy\nappliance: {'11' * 16}\n"
                   "version: 3\nclients: []\nzones: []\n")
        run = []
        for line in self.examples():
            # Tests of their own do these, with name servers and tokens.
            if re.match("kskctl (sync|check|ksr|announce) ", line):
                continue
            if "adopt served.zone" in line:
                first.held.clear()
            if "CDS" in line and not first.held.get((owner, 59)):
                first.append()
                first.hold(cds, [self.ksk.rrsig(cds, window)], window)
            if "--forget-record" in line:
                first.record = 3
            command = line.replace(
                "ksk.example.net:8853", self.server.address).replace(
                "ksk2.example.net:8853", second.address).replace(
                "3f...", self.server.pin).replace("7a...", second.pin)
            done = ap.sh("sh", "-ec", command, cwd=self.dir, check=False,
                         env={"HOME": self.dir, "PATH": os.path.dirname(
                             base.KSKCTL) + ":" + os.environ["PATH"]})
            self.assertEqual(done.returncode, 0, (command, done.err))
            run.append(line)
        self.assertGreaterEqual(len(run), 14)
        self.assertEqual(set(other.held), {(owner, 48)})
        for name, count in (("dnskey.signed", 3), ("cds.signed", 2)):
            records = [x for x in self.read(self.at(name)).splitlines()
                       if not x.startswith(";")]
            self.assertEqual(len(records), count, name)
        # Each verb has its example; journal is test_journal.py's.
        verbs = ap.sh(base.KSKCTL, "--help").out.split("\n\n")[1]
        for verb in {x.split()[0] for x in verbs.splitlines()} - {"journal"}:
            self.assertTrue(any(verb in x.split() for x in self.examples()),
                            verb)


def flip(rrsig):
    return rrsig[:-1] + bytes([rrsig[-1] ^ 1])


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


if __name__ == "__main__":
    unittest.main()
