#!/usr/bin/python3
"""`kskctl sync` and `check` with many zones where one provider, a program or
the appliance is sick: the others don't wait, each zone is told, nothing stays
behind a run that is killed.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import many  # noqa: E402
from many import ap, read, sh, write  # noqa: E402
from test_check import exposition  # noqa: E402

DONE, REFUSED, USAGE, UNREACHABLE, LATER, BAD_INPUT = range(6)
OK, WARNING, CRITICAL, UNKNOWN = range(4)

# client/fan.h, client/silent.h
WIDTH = 16
NEVER = 2

FEW = 5  # zones, where more would show no more


def blocks(out):
    """-> {zone: its lines}, in the order of the output"""
    found = {}
    for line in out.splitlines():
        if not line.startswith(" "):
            zone = line.split(" ")[0].rstrip(":")
            found[zone] = []
        found[zone].append(line)
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Sick(unittest.TestCase):
    """One bench, in the order of the names."""
    signed = False

    @classmethod
    def setUpClass(cls):
        cls.m = many.Many()
        cls.m.__enter__()
        cls.addClassCleanup(cls.m.__exit__)

    def setUp(self):
        self.m.forget()
        if not self._testMethodName.startswith("test_1"):
            self.sign_first()

    def sign_first(self):
        """Where a test runs alone."""
        self.m.write_sync([self.m.good.address])
        if not self.signed:
            self.m.run("sync")
        type(self).signed = True
        self.m.forget()

    def expect_told(self, out, word):
        """A line for each zone, in the order of the file, and the good one
        served."""
        found = blocks(out)
        self.assertEqual(list(found), self.m.zones)
        for zone, lines in found.items():
            self.assertIn("  good: delivered", lines, zone)
            self.assertEqual(len([x for x in lines if word in x]), 1,
                             "\n".join(lines))
        self.assertEqual(len(self.m.delivered()), self.m.count)

    def test_1_a_server_that_never_answers(self):
        m = self.m
        dead = m.serve(many.Silent())
        m.a.write("u.tsig", "hmac-sha256:u:" + "A" * 43 + "=\n", 0o600)
        m.write_sync([dead.address], deliver=(
            f'{{by: update, server: "{dead.address}", tsig: '
            f'"{m.a.path("u.tsig")}"}}'))
        done = m.run("sync")
        type(self).signed = True
        self.assertEqual(done.returncode, LATER, done.out + done.err)
        self.expect_told(done.out, f"  other: {dead.address}: no answer")
        self.assertLessEqual(len(dead.taken), WIDTH + NEVER)
        # Again, with nothing to sign, as JSON.
        before = len(dead.taken)
        done = m.run("sync", "--json")
        self.assertEqual(done.returncode, LATER, done.err)
        zones = json.loads(done.out)["zones"]
        self.assertEqual([z["zone"] for z in zones], m.zones)
        for zone in zones:
            good, other = zone["providers"]
            self.assertEqual(good["state"], "in order")
            self.assertEqual(other["state"], "differs")
            self.assertRegex(other["servers"][0]["faults"][0], "no answer")
        self.assertLessEqual(len(dead.taken), before + WIDTH + NEVER)
        before = len(dead.taken)
        done = m.run("check", "--json")
        self.assertEqual(done.returncode, CRITICAL, done.err)
        for zone in json.loads(done.out)["zones"]:
            self.assertEqual(len([
                p for p in zone["problems"] if p["address"] == dead.address
                and "no answer" in p["text"]]), 1)
        self.assertLessEqual(len(dead.taken), before + WIDTH + NEVER)

    def test_2_a_program_that_hangs(self):
        m = self.m
        m.write_sync([m.good.address], gather=(
            "{by: exec, command: [sh, -c, "
            '"echo x >> runs; exec sleep 60"]}'), **{"command-timeout": "1s"})
        done = m.run("sync")
        self.assertEqual(done.returncode, LATER, done.out + done.err)
        self.expect_told(done.out, "  other: not gathered: sh t")
        self.assertEqual(read(m.path("runs")).count("x"), NEVER)
        self.assertIn("not gathered: sh takes more than 1 s", done.out)
        self.assertIn("not gathered: sh took too long before", done.out)

    def test_3_one_program_of_a_provider_at_a_time(self):
        m = self.m
        m.write_sync([m.good.address], zones=m.zones[:FEW], gather=(
            "{by: exec, command: [sh, -c, "
            '"mkdir turn || exit 3; cat other.%zkey; rmdir turn"]}'))
        m.run("sync")
        done = m.run("sync")
        self.assertEqual(done.returncode, DONE, done.out + done.err)

    def test_4_what_is_taken_and_never_served(self):
        m = self.m
        nobody = m.serve(many.NameServer(m.path("nothing")))
        m.write_sync([nobody.address], settle="3s", deliver=(
            "{by: exec, command: [sh, -c, 'cat > /dev/null']}"))
        done = m.run("sync")
        self.assertEqual(done.returncode, LATER, done.out + done.err)
        self.expect_told(done.out, "there is no DNSKEY RRset")
        looks = [nobody.asked[z, "DNSKEY"] for z in m.zones]
        self.assertGreater(max(looks), 4)
        self.assertGreaterEqual(len([x for x in looks if x <= 2]),
                                m.count - WIDTH - NEVER, looks)
        self.assertIn("taken, but not served yet: not waited for", done.out)

    def test_4b_answers_that_are_none(self):
        """Another zone's data, a cut, SERVFAIL to every second question."""
        m = self.m

        def foreign(reply, _):
            for rrset in reply.answer:
                rrset.name = many.dns.name.from_text("foreign.test.")

        def cut(reply, _):
            reply.flags |= many.dns.flags.TC

        def fail(reply, number):
            if number % 2 == 0:
                reply.answer.clear()
                reply.set_rcode(many.dns.rcode.SERVFAIL)

        m.write_sync([m.good.address], zones=m.zones[:FEW])
        m.run("sync")
        for spoil, word in ((foreign, "there is no DNSKEY RRset"),
                            (cut, "the answer is cut"),
                            (fail, "it answers SERVFAIL for ")):
            server = m.serve(many.NameServer(m.path("out")))
            server.spoil = spoil
            for gather in ("{by: dns}", None):
                m.write_sync([server.address], zones=m.zones[:FEW],
                             gather=gather)
                done = m.run("sync")
                self.assertEqual(done.returncode, LATER, done.out + done.err)
                for zone, lines in blocks(done.out).items():
                    # Nobody else has less, and no key leaves.
                    self.assertIn("kept", lines[0])
                    self.assertNotIn(" -", lines[0])
                    self.assertIn("  good: in order", lines, zone)
                    self.assertIn("  other: differs", lines)
                self.assertIn(f"  other: {server.address}: {word}", done.out)

    def test_5_an_appliance_that_never_answers(self):
        m = self.m
        dead = m.serve(many.Silent())
        m.write_sync([m.good.address], appliance=dead.address)
        done = m.run("sync", "--timeout", "1")
        self.assertEqual(done.returncode, UNREACHABLE, done.err)
        found = blocks(done.out)
        self.assertEqual(len(found), m.count)
        for lines in found.values():
            self.assertIn("  good: held back: there is no signed set to "
                          "deliver", lines)
        self.assertLessEqual(len(dead.taken), WIDTH + NEVER)
        self.assertEqual(m.delivered(), [])
        done = m.run("check", "--timeout", "1")
        self.assertEqual(done.returncode, UNKNOWN, done.err)
        self.assertLessEqual(len(dead.taken), 2 * (WIDTH + NEVER))

    def test_6_garbage(self):
        """What programs say may be anything; JSON and a terminal get text."""
        m = self.m
        for name, words in {"noise": r"printf 'gr\374n \033[2J' >&2; exit 1",
                            "flood": "exec cat /dev/zero",
                            "nothing": "exit 0"}.items():
            write(m.path(name), f"#!/bin/sh\n{words}\n", 0o755)
        for name, word in (("noise", "ends with 1: gr?n ?[2J"),
                           ("flood", "it writes more than 4 MiB"),
                           ("nothing", "")):
            m.write_sync([m.good.address], zones=m.zones[:FEW],
                         gather=f'{{by: exec, command: ["./{name}"]}}')
            done = m.run("sync", "--json")
            self.assertEqual(done.returncode, LATER, done.err)
            for zone in json.loads(done.out)["zones"]:
                self.assertIn(word, zone["providers"][1]["not-gathered"])
            self.assertIn(word, m.run("sync").out)
            # Delivered by it, to one that lacks it.
            nobody = m.serve(many.NameServer(m.path("nothing-there")))
            m.write_sync([nobody.address], zones=m.zones[:FEW], settle="1s",
                         deliver=f'{{by: exec, command: ["./{name}"]}}')
            done = m.run("sync", "--json")
            self.assertEqual(done.returncode, LATER, done.err)
            for zone in json.loads(done.out)["zones"]:
                good, other = zone["providers"]
                self.assertEqual(good["state"], "in order")
                self.assertEqual(other["state"],
                                 "failed" if word else "differs")
                self.assertIn(word, other.get("why", ""))

    def test_7_nobody_reads_the_output(self):
        m = self.m
        m.write_sync([m.good.address], zones=m.zones[:FEW])
        for more in ([], ["--json"]):
            m.forget()
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run(m.argv("sync", *more), stdout=full,
                                      stderr=subprocess.PIPE, text=True,
                                      check=False)
            self.assertEqual(done.returncode, BAD_INPUT, done.stderr)
            self.assertEqual(done.stderr.count("can't be written"), 1)
            self.assertEqual(len(m.delivered()), FEW)

    def test_8_killed(self):
        """At once and by request: what it started ends, nothing stays, the
        next run does all that is left."""
        m = self.m
        write(m.path("hold"), "#!/bin/sh\necho $$ > pid.$1\n"
                              "exec sleep 600\n", 0o755)
        for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            m.forget()
            m.write_sync([m.good.address], zones=m.zones[:FEW], deliver=(
                '{by: files, dnskey: "f/%n.key", rrsig: "f/%n.sig", command: '
                '["./hold", "%n"]}'))
            os.makedirs(m.path("f"), exist_ok=True)
            run = subprocess.Popen(
                m.argv("sync"), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(
                    signal.SIGINT, signal.SIG_DFL))
            ap.wait_for(lambda: [x for x in os.listdir(m.dir)
                                 if x.startswith("pid.")
                                 and read(m.path(x)).strip()])
            pids = [int(read(m.path(x))) for x in os.listdir(m.dir)
                    if x.startswith("pid.")]
            kids = sh("pgrep", "-P", str(run.pid)).out.split()
            self.assertGreater(len(kids), 1)
            # A second one with the same file.
            done = m.run("sync")
            self.assertEqual(done.returncode, LATER)
            self.assertIn("another sync is at work", done.err)
            run.send_signal(how)
            self.assertEqual(run.wait(), -how)
            ap.wait_for(lambda: not [p for p in [*pids, *kids] if alive(p)])
            self.assertFalse([x for x in os.listdir(m.path("f"))
                              if not x.endswith((".key", ".sig"))])
            for x in os.listdir(m.dir):
                if x.startswith("pid."):
                    os.unlink(m.path(x))
            m.write_sync([m.good.address], zones=m.zones[:FEW])
            m.run("sync")
            done = m.run("sync")
            self.assertEqual(done.returncode, DONE, done.out + done.err)
            self.assertEqual(len(m.delivered()), FEW)

    def test_9_one_address_with_two_names(self):
        """Prometheus takes no series twice, and nobody is asked twice."""
        m = self.m
        port = m.good.address.rpartition(":")[2]
        m.write_sync([m.good.address, f"localhost:{port}", m.good.address],
                     zones=m.zones[:FEW])
        m.run("sync")
        m.good.asked.clear()
        done = m.run("check", "--prometheus")
        samples = exposition(done.out)
        self.assertEqual(len([s for s in samples if s[0] ==
                              "ksk_check_address_ok"
                              and s[1]["address"] == m.good.address]),
                         2 * FEW)
        self.assertEqual([s[1]["zone"] for s in samples
                          if s[0] == "ksk_check_level"], m.zones[:FEW])
        self.assertEqual({n for (_, kind), n in m.good.asked.items()
                          if kind == "DNSKEY"}, {2})
        done = m.run("check")
        first = done.out.splitlines()[0]
        self.assertTrue(re.fullmatch(
            r"KSK CRITICAL - [^|]+ \| zones=\d+ addresses=\d+ problems=\d+ "
            r"left=\d+s", first), first)


if __name__ == "__main__":
    unittest.main()
