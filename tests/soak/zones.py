#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A policy of many zones: how long it is read, loaded and reloaded, what it
takes in memory, and what a client notices of a reload. One key of the token
is the KSK of all zones; every zone has two providers with a ZSK each and, but
for the last tenth, was signed before the reloads. Part of `make soak`.

    zones.py [--zones N] [--signed N]
"""
import argparse
import os
import re
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import appliance as ap  # noqa: E402

FLIGHT = 64


def memory(pid, what="VmHWM"):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(rf"^{what}:\s+(\d+)", f.read(), re.M)[1]) // 1024


class Many:
    def __init__(self, count):
        self.count = count
        self.a = a = ap.Appliance(name="zones", workers=2)
        a.make()
        a.add_client("auto", may="read, sign, journal")
        self.ksk = a.add_ksk(self.zone(0), "k")
        self.zsk = [ap.Zsk(a.path("zsk"), "x.example.") for _ in range(2)]
        self.keymap()
        self.propagation = 3600
        self.write()

    @staticmethod
    def zone(i):
        return f"z{i:06}.example."

    def keymap(self):
        """As kskadm writes it, a line for each zone."""
        path = self.a.path("etc/keymap")
        with open(path, encoding="ascii") as f:
            line = next(x for x in f if x.startswith("ksk "))
        word = line.split(" ")
        with open(path, "w", encoding="ascii") as f:
            for i in range(self.count):
                zone = self.zone(i)
                word[1] = zone
                word[3:7] = ap.ds_text(zone, self.ksk).split()
                f.write(" ".join(word))

    def write(self):
        a = self.a
        a.version += 1
        pin, may = a.clients["auto"]
        rate = "   rate: 1000000/1h\n"     # of the one that is watched
        with open(a.path("etc/policy.yaml"), "w", encoding="ascii") as f:
            f.write(f"kind: policy\nappliance: {a.id}\nversion: {a.version}\n"
                    f"clients:\n - {{name: auto, pin: {pin}, may: [{may}]}}\n"
                    "zones:\n")
            for i in range(self.count):
                zone = self.zone(i)
                one, two = (ap.ds_text(zone, k.rdata) for k in self.zsk)
                f.write(f""" - name: {zone}
   clients: [auto]
   ttl: 1h
   sign: [DNSKEY]
{'' if i else rate}   signature: {{validity: 14d, refresh: 5d, inception-offset: 1h}}
   waits: {{zone-max-ttl: 1d, propagation: {self.propagation}s, sign-delay: 1h, parent-ds-ttl: 1d, parent-propagation: 1h}}
   ksk: [{{token: main, label: k, ds: "{ap.ds_text(zone, self.ksk)}", from: 2020-01-01T00:00:00Z}}]
   providers:
    - {{name: a, state: serving, keys: [{{ds: "{one}"}}]}}
    - {{name: b, state: serving, keys: [{{ds: "{two}"}}]}}
""")
        return os.path.getsize(a.path("etc/policy.yaml"))

    def keyset(self, i):
        return ap.rrset(self.zone(i), ap.DNSKEY, 3600,
                        [self.ksk] + [k.rdata for k in self.zsk])

    def sign(self, first, count):
        """-> (seconds, slowest, done)"""
        begin, slowest, done, sent = time.monotonic(), 0, 0, {}
        with self.a.peer(timeout=60) as peer:
            i = first
            while i < first + count or sent:
                while i < first + count and len(sent) < FLIGHT:
                    sent[peer.send(ap.SIGN, {1: self.keyset(i)})] = \
                        time.monotonic()
                    i += 1
                reply = peer.receive()
                slowest = max(slowest,
                              time.monotonic() - sent.pop(reply[1]))
                assert reply[2] == ap.DONE, reply
                done += 1
        return time.monotonic() - begin, slowest, done

    def children(self):
        found = {"kskd": [self.a.process.pid], **self.a.children()}
        return " ".join(f"{n} {max(memory(p) for p in ps)} MB"
                        for n, ps in sorted(found.items()))


class Watch(threading.Thread):
    """Signs one zone all the time: the longest wait is what a client sees."""

    def __init__(self, m, zone):
        super().__init__()
        self.m, self.zone = m, zone
        self.halt = threading.Event()
        self.took, self.odd = [], []

    def run(self):
        keyset = self.m.keyset(self.zone)
        with self.m.a.peer(timeout=60) as peer:
            while not self.halt.is_set():
                begin = time.monotonic()
                reply = peer.ask(ap.SIGN, {1: keyset})
                self.took.append(time.monotonic() - begin)
                if reply[2] != ap.DONE:
                    self.odd.append(reply)
                time.sleep(0.002)

    def stop(self):
        self.halt.set()
        self.join()
        took = sorted(self.took)
        return (f"one signed all the time: n={len(took)} p50="
                f"{statistics.median(took) * 1e3:.1f} p99="
                f"{took[int(len(took) * .99)] * 1e3:.1f} max="
                f"{took[-1] * 1e3:.0f} ms, {len(self.odd)} not signed")


def timed(what, f):
    begin = time.monotonic()
    value = f()
    print(f"    {what}: {time.monotonic() - begin:.2f} s", flush=True)
    return value


def ask(m, op, body=None):
    with m.a.peer(timeout=60) as peer:
        return peer.ask(op, body)


def reload(m):
    a = m.a
    version = a.version
    a.reload()

    def there():
        if a.log_lines("reload-refused"):
            raise AssertionError(a.log_text()[-2000:])
        return ask(m, ap.STATUS)[3][6] == version
    ap.wait_for(there, 120, 0.1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--zones", type=int, default=100_000)
    parser.add_argument("--signed", type=int)
    args = parser.parse_args()
    signed = args.signed if args.signed is not None else args.zones * 9 // 10
    m = timed("made", lambda: Many(args.zones))
    a = m.a
    good = True
    with a:
        print(f"    {args.zones} zones, policy of "
              f"{os.path.getsize(a.path('etc/policy.yaml')) >> 20} MiB")
        done = timed("kskadm policy check", lambda: a.kskadm(
            "policy", "check", a.path("etc/policy.yaml"), check=False))
        assert done.returncode == 0, done.err[-2000:]
        timed("start", lambda: a.start(ready=False) and a.wait_ready(
            seconds=60))
        print(f"    {m.children()}")
        took, slowest, done = m.sign(0, signed)
        print(f"    first signing of {done} zones: {took:.1f} s, "
              f"{done / took:.0f} a second, slowest {slowest * 1e3:.0f} ms")
        timed("status", lambda: ask(m, ap.STATUS))
        timed("status again", lambda: ask(m, ap.STATUS))
        timed("keys", lambda: ask(m, ap.KEYS, {1: ap.wire_name(m.zone(7))}))
        for name, change in (("only the version changes", 0),
                             ("every zone changes", 60)):
            m.propagation += change
            m.write()
            watch = Watch(m, 0)
            watch.start()
            time.sleep(1)
            timed(f"reload, {name}", lambda: reload(m))
            time.sleep(1)
            print(f"    {watch.stop()}")
            good = good and not watch.odd
        print(f"    {m.children()}")
        took, slowest, done = m.sign(0, min(signed, 5000))
        print(f"    refresh of {done} zones: {done / took:.0f} a second, "
              f"slowest {slowest * 1e3:.0f} ms")
        os.kill(a.children()["kskd-signer"][0], 9)
        timed("signer killed, ready again", lambda: a.wait_ready(seconds=60))
        timed("stop", a.stop)
        timed("start", lambda: a.start(ready=False) and a.wait_ready(
            seconds=60))
        timed("stop", a.stop)
        done = timed("kskadm journal check", lambda: a.kskadm(
            "journal", "check", a.path("state/journal/journal.db"),
            check=False))
        good = good and done.returncode == 0
    print("as it must be" if good else "NOT as it must be")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
