#!/usr/bin/python3
"""What kskctl remembers of each appliance's journal, and that it demands
growth of it: against a server whose journal grows, goes back, or is another
one.
"""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import fake  # noqa: E402
import test_kskctl as base  # noqa: E402
from test_kskctl import (  # noqa: E402
    BAD_INPUT, DONE, KSKCTL, LATER, REFUSED, UNREACHABLE, UNVERIFIED, USAGE,
    ZONE, ZSK_A)

SANITIZED = True


class Case(base.Case):
    def setUp(self):
        super().setUp()
        self.enroll()
        self.file = self.profile + ".records"

    def line(self, number, chain=None, ident=b"\x11" * 16):
        chain = self.fake.hash(number) if chain is None else chain
        return (f"{number} {chain.hex()} {ident.hex()} "
                f"{self.server.address}")

    def lines(self):
        return [x for x in self.read(self.file).splitlines()
                if not x.startswith("#")]

    def verbs(self):
        """Command lines that learn of the journal, with what they need."""
        signed = self.write("signed.zone", self.sign().out)
        yield "status",
        yield "sign", self.input
        yield "last-answer", ZONE
        self.fake.held.clear()
        yield "adopt", signed


class Remembered(Case):
    def test_file(self):
        self.assertFalse(os.path.exists(self.file))
        self.run_ctl("status")
        self.assertEqual(self.lines(), [self.line(41)])
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.sign()
        self.assertEqual(self.lines(), [self.line(43)])
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        names = os.listdir(os.path.dirname(self.file))
        self.assertEqual(sorted(names), [
            "kskctl.crt", "kskctl.key", "kskctl.yaml",
            "kskctl.yaml.records"])

    def test_each_verb_moves_it(self):
        for argv in self.verbs():
            self.fake.record += 10
            self.run_ctl(*argv)
            self.assertEqual(self.lines(), [self.line(self.fake.record)],
                             argv)

    def test_a_refusal_moves_it(self):
        self.fake.sign_body = lambda r: {1: r[1], 2: 2, 4: [
            {1: "ttl", 2: "3600 it must be"}]}
        self.sign(code=REFUSED)
        self.assertEqual(self.lines(), [self.line(41)])

    def test_what_does_not_verify_moves_it_no_further_than_the_head(self):
        self.fake.signers = [fake.Key(self.dir, "stranger", ZONE)]
        self.sign(code=UNVERIFIED)
        self.assertEqual(self.fake.record, 43)
        self.assertEqual(self.lines(), [self.line(41)])

    def test_the_largest_number(self):
        self.fake.record = 2 ** 64 - 1
        self.run_ctl("status")
        self.assertEqual(self.lines(), [self.line(2 ** 64 - 1)])
        self.run_ctl("status")
        self.run_ctl("enroll", "--forget-record", self.server.address)

    def test_each_appliance_has_its_own(self):
        second = fake.Server(self.dir, "second")
        self.addCleanup(second.close)
        other = fake.Fake(self.dir, self.fake.ksk)
        other.journal, other.record, other.id = b"other", 7, b"\x77" * 16
        second.serve = other.serve
        self.run_ctl("status")
        self.enroll(server=second)
        self.server.close()
        self.run_ctl("status")
        self.assertEqual(self.lines(), [
            self.line(41), f"7 {other.hash().hex()} {'77' * 16} "
            f"{second.address}"])
        other.record = 6
        done = self.run_ctl("status", code=UNREACHABLE)
        self.assertIn("record 6", done.err)

    def test_runs_at_the_same_time_lose_nothing(self):
        """Whoever writes last must not take back what another one saw."""
        sets = [self.write(f"{i}.zone", ZSK_A + "\n") for i in range(8)]
        running = [subprocess.Popen(
            [KSKCTL, "--config", self.profile, "sign", x],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=dict(os.environ, HOME=self.dir)) for x in sets]
        for one in running:
            err = one.communicate(timeout=60 * ap.SLOW)[1]
            self.assertEqual(one.returncode, DONE, err)
        self.assertEqual(self.lines(), [self.line(41 + 2 * len(sets))])

    def test_a_file_that_can_not_be_used(self):
        self.run_ctl("status")
        good = self.read(self.file)
        self.server.connections = 0
        for text in (good + good.splitlines()[-1] + "\n",
                     good.replace("41 ", "041 "),
                     good.replace("41 ", "-1 "),
                     good.replace(" 1111", " 111"),
                     good.replace(self.server.address, ""),
                     good + "\n\nx\n", "\0\n"):
            self.write("client/kskctl.yaml.records", text)
            for argv in (("status",), ("sign", self.input)):
                done = self.run_ctl(*argv, code=BAD_INPUT)
                self.assertIn("kskctl.yaml.records:line", done.err, text)
        self.write("client/kskctl.yaml.records", good)
        os.chmod(self.file, 0o644)
        done = self.run_ctl("status", code=BAD_INPUT)
        self.assertIn("chmod 600", done.err)
        self.assertEqual(self.server.connections, 0)
        os.chmod(self.file, 0o600)
        self.run_ctl("status")

    def test_that_can_not_be_written_is_said(self):
        """The set is signed: it is printed all the same."""
        os.symlink(self.at("nowhere/records"), self.file)
        os.rename(self.file, self.file + "x")
        for i in range(64):
            with open(self.file, "a", encoding="ascii") as f:
                f.write(self.line(1).replace(
                    self.server.address, f"host{i}:1") + "\n")
        os.chmod(self.file, 0o600)
        done = self.sign()
        self.assertIn("record 43 of", done.err)
        self.assertIn("can't be remembered", done.err)
        self.assertEqual(len(self.records(done.out)), 4)


class GoneBack(Case):
    def check(self, argv, *pieces):
        before = self.lines()
        done = self.run_ctl(*argv, code=UNREACHABLE)
        self.assertEqual(done.out, "", argv)
        for piece in (*pieces, "enroll --forget-record "
                      + self.server.address):
            self.assertIn(piece, done.err, argv)
        self.assertEqual(self.lines(), before, argv)

    def test_smaller_number(self):
        for argv in self.verbs():
            self.fake.record = 99
            self.run_ctl("status")
            was, self.fake.record = self.fake.hash(), 98
            signed = len([r for r in self.fake.requests if r[2] in (3, 10)])
            self.check(argv, "record 98", self.fake.hash().hex(),
                       "record 99", was.hex())
            # Nothing was signed or adopted.
            self.assertEqual(signed, len([
                r for r in self.fake.requests if r[2] in (3, 10)]))
            self.run_ctl("enroll", "--forget-record", self.server.address)

    def test_same_number_with_another_hash(self):
        for argv in self.verbs():
            self.fake.journal, was = b"journal", self.fake.hash()
            self.run_ctl("status")
            was, self.fake.journal = self.fake.hash(), b"another"
            self.check(argv, f"record {self.fake.record}",
                       self.fake.hash().hex(), was.hex())
            self.run_ctl("enroll", "--forget-record", self.server.address)

    def test_another_appliance(self):
        self.run_ctl("status")
        self.fake.id, self.fake.record = b"\x12" * 16, 1000
        self.check(("status",), "11" * 16, "12" * 16)
        self.check(("sign", self.input), "11" * 16, "12" * 16)

    def test_the_next_appliance_is_not_asked(self):
        """It is an alarm, not an outage."""
        self.run_ctl("status")
        second = fake.Server(self.dir, "second")
        self.addCleanup(second.close)
        second.serve = fake.Fake(self.dir, self.fake.ksk).serve
        self.enroll(server=second)
        self.fake.record = 3
        self.sign(code=UNREACHABLE)
        self.assertEqual(second.connections, 0)

    def wrong_record(self, number, chain):
        def sign(request):
            reply = self.fake.sign(request)
            reply[3][2], reply[3][3] = number, chain
            return reply
        self.fake.sign_body = sign
        self.fake.record = 41

    def test_a_signature_with_an_old_record(self):
        """The head is right, the answer's record is not behind it."""
        self.run_ctl("status")
        for number in (0, 40, 41):
            self.wrong_record(number, self.fake.hash(number))
            self.check(("sign", self.input), f"record {number},",
                       "record 41")
        self.wrong_record(41, b"\x44" * 32)
        self.check(("sign", self.input), "44" * 32)
        data = self.run_ctl("sign", "--json", self.input, code=UNREACHABLE)
        self.assertEqual(data.out, "")

    def test_an_adoption_whose_record_has_another_hash(self):
        signed = self.write("signed.zone", self.sign().out)
        self.fake.held.clear()
        self.fake.adopt = lambda r: {1: r[1], 2: 0, 3: {
            1: 43, 2: b"\x44" * 32}}
        self.check(("adopt", signed), "44" * 32, "record 43")

    def test_a_last_answer_whose_record_has_another_hash(self):
        self.sign()
        self.fake.held[ap.wire_name(ZONE), 48][4] = b"\x44" * 32
        self.check(("last-answer", ZONE), "44" * 32)

    def test_an_old_last_answer_is_fine(self):
        self.sign()
        self.fake.record = 1000
        self.run_ctl("status")
        done = self.run_ctl("last-answer", ZONE)
        self.assertIn("record 43", done.out)
        self.assertEqual(self.lines(), [self.line(1000)])


class Forget(Case):
    def test_one_is_forgotten(self):
        self.run_ctl("status")
        self.fake.record = 3
        self.run_ctl("status", code=UNREACHABLE)
        done = self.run_ctl("enroll", "--forget-record", self.server.address)
        self.assertIn("record 41", done.err)
        self.assertIn(self.fake.hash(41).hex(), done.err)
        self.assertEqual(self.lines(), [])
        self.run_ctl("status")
        self.assertEqual(self.lines(), [self.line(3)])
        done = self.run_ctl("enroll", "--json", "--forget-record",
                            self.server.address)
        data = json.loads(done.out)
        self.assertEqual(data, {
            "address": self.server.address, "record": 3,
            "record-hash": self.fake.hash(3).hex(), "appliance": "11" * 16})

    def test_nothing_to_forget(self):
        done = self.run_ctl("enroll", "--forget-record", "host:1",
                            code=BAD_INPUT)
        self.assertIn("no record of host:1", done.err)
        self.run_ctl("status")
        before = self.read(self.file)
        for argv in (("--forget-record", "host:1", "--name", "x"),
                     ("--forget-record", "host"),
                     ("--forget-record", "host:1", "--appliance", "h:1"),
                     ("--forget-record", "host:1", "more")):
            self.run_ctl("enroll", *argv, code=USAGE)
        self.assertEqual(self.read(self.file), before)
        # The profile and the key stay as they are.
        self.run_ctl("enroll", "--forget-record", self.server.address)
        self.fake.state = 2
        self.run_ctl("status", code=LATER)


if __name__ == "__main__":
    unittest.main()
