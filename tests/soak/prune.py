#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A journal of a million records, written by a whole appliance in twenty days
of its clock, is exported, proven and pruned: how long each takes and how much
memory; then it is whole, small, and signs on. Part of `make soak`.

    prune.py [--records N]
"""
import argparse
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import appliance as ap  # noqa: E402
from test_clock import with_clock  # noqa: E402

DAY, DAYS, FLIGHT, ZONES = 86400, 20, 64, 5
JOURNAL_READ = 8
# Of a machine that does other things too.
SECONDS, MEGABYTES = 120, 256


class Measured:
    """A program run to its end: seconds, and megabytes of its own memory."""

    def __init__(self, *argv):
        begin = time.monotonic()
        process = subprocess.Popen(argv, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.peak = 0
        with process.stdout:
            while process.poll() is None:
                self._look(process.pid)
                time.sleep(0.01)
            self.text = process.stdout.read()
        self.seconds = time.monotonic() - begin
        self.code = process.returncode

    def _look(self, pid):
        """Not what it maps of a file: that is the kernel's to keep."""
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                found = re.search(r"^RssAnon:\s+(\d+)", f.read(), re.M)
        except OSError:
            return
        if found:
            self.peak = max(self.peak, int(found[1]) // 1024)


class Long:
    def __init__(self):
        self.a = a = ap.standard(workers=2)
        text = a.kskadm("key", "generate", "--token", "main", "--audit").out
        self.key = a.write("audit.key", text, 0o600)
        self.clock = with_clock(a)
        with open(a.path("etc/kskd.yaml"), encoding="utf-8") as f:
            a.write("etc/kskd.yaml",
                    f.read().replace("workers: 2", "workers: 2\n"
                                     "    anchor: yes"))
        a.zones[0][4]["signature"] = (
            "{validity: 3d, refresh: 1d, inception-offset: 1h, horizon: 0,"
            " min-validity: 1d}")
        self.zones = {a.zone: [a.zsk1, a.zsk2]}
        for i in range(1, ZONES):
            zone = f"zone{i}.example."
            self.zones[zone] = [ap.Zsk(a.path(f"{i}-{x}"), zone) for x in "ab"]
            a.add_ksk(zone, f"ksk-{i}")
            a.add_zone(zone, [f"ksk-{i}"], dict(zip(
                ("alpha", "beta"), ([z] for z in self.zones[zone]))),
                **a.zones[0][4])
        os.mkdir(a.path("home"), 0o700)
        out = self.ctl("enroll", "--name", "auto", "--appliance",
                       f"127.0.0.1:{a.port}", "--server-pin", a.server_pin)
        a.add_client("auto", "read, sign, journal")
        a.clients["auditor"] = (
            re.search(r"pin: (\w+)", out.text)[1], "journal, read")
        a.write_policy()
        self.keysets = [a.keyset(z, k) for z, k in self.zones.items()]

    def ctl(self, *argv):
        return self.must(os.path.join(ap.BUILD, "kskctl"), "--config",
                         self.a.path("home/profile"), *argv)

    def adm(self, *argv):
        return self.must(os.path.join(ap.BUILD, "kskadm"), "-c",
                         self.a.path("etc/kskd.yaml"), *argv)

    def must(self, *argv):
        done = Measured(*argv)
        if done.code != 0:
            raise AssertionError(f"{argv} -> {done.code}\n{done.text}"
                                 f"{self.a.log_text()[-2000:]}")
        return done

    def sign(self, count):
        """An eleventh with a key for repeats, and as many sets refused."""
        with self.a.peer(timeout=60) as peer:
            sent = done = 0
            while done < count:
                while sent < count and sent - done < FLIGHT:
                    body = {1: self.keysets[sent % ZONES]}
                    if sent % 11 == 0:
                        body[3] = os.urandom(16)
                    elif sent % 11 == 1:
                        body[1] = {**body[1], 3: 10_000 + sent}
                    peer.send(ap.SIGN, body)
                    sent += 1
                reply = peer.receive()
                if reply[2] not in (ap.DONE, ap.REFUSED):
                    raise AssertionError(reply)
                done += 1

    def head(self):
        with self.a.peer() as peer:
            return peer.ask(JOURNAL_READ, {1: 0, 2: 0})[3]

    def checkpoint(self):
        want = self.head()[3]

        def there():
            self.clock.pass_time(61)
            return [c for c in self.head()[2] if c[2] >= want]
        ap.wait_for(there, 10, 0.1)

    def write(self, records):
        """Twenty days; nobody needs any but the last three."""
        self.clock.set(seconds=-DAYS * DAY - 3600)
        self.a.start()
        begin = time.monotonic()
        for _ in range(DAYS):
            while self.head()[3] < records * (_ + 1) // DAYS:
                self.sign(1000)
            self.clock.pass_time(DAY)
        self.sign(100)
        self.checkpoint()
        print(f"    {self.head()[3]} records written in "
              f"{time.monotonic() - begin:.0f} s", flush=True)

    def size(self):
        return os.path.getsize(
            self.a.path("state/journal/journal.db")) >> 20

    def tell(self, what, done):
        print(f"    {what}: {done.seconds:.1f} s, {done.peak} MB of memory",
              flush=True)
        if done.seconds > SECONDS or done.peak > MEGABYTES:
            return [f"{what}: more than {SECONDS} s or {MEGABYTES} MB"]
        return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    args = parser.parse_args()
    j = Long()
    a = j.a
    with a:
        j.write(args.records)
        export = a.path("journal.ksk")
        bad = j.tell("kskctl journal export",
                     j.ctl("journal", "export", "--out", export))
        head = j.head()[3]
        assert a.stop() == 0, a.log_text()[-2000:]
        before = j.size()
        bad += j.tell("kskctl journal verify", j.ctl(
            "journal", "verify", export, "--audit-key", j.key))
        pruned = j.adm("journal", "prune", "--export", export,
                       "--audit-key", j.key)
        bad += j.tell("kskadm journal prune", pruned)
        print("    " + pruned.text.strip().replace("\n", "\n    "))
        print(f"    {before} MiB before, {j.size()} MiB after")
        through = int(re.search(r"pruned: records \d+ to (\d+)",
                                pruned.text)[1])
        if through < args.records * (DAYS - 5) // DAYS:
            bad.append(f"only {through} of {head} records left")
        again = j.adm("journal", "prune", "--export", export,
                      "--audit-key", j.key)
        if "nothing is pruned" not in again.text:
            bad.append(f"pruned twice: {again.text}")
        bad += j.tell("kskadm journal check", j.adm(
            "journal", "check", "--audit-key", j.key,
            a.path("state/journal/journal.db")))
        j.clock.set(seconds=0)      # kskadm has no other
        a.start()
        j.sign(1000)
        j.checkpoint()
        j.ctl("journal", "export", "--out", export)
        bad += j.tell("verified, with what came later", j.ctl(
            "journal", "verify", export, "--audit-key", j.key))
        assert a.stop() == 0, a.log_text()[-2000:]
    j.clock.close()
    for text in bad:
        print("BAD", text)
    print("as it must be" if not bad else "NOT as it must be")
    return 0 if not bad else 1


if __name__ == "__main__":
    sys.exit(main())
