#!/usr/bin/python3
"""A policy of very many zones, signed by operators, comes into force while
others sign: nobody is refused or kept waiting for it. kskctl hands it in.
"""
import argparse
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
import appliance as ap  # noqa: E402
import quorum as q  # noqa: E402

ZONE = "lab.example."


def name_of(i):
    return f"z{i}.example."


def large(a, zsk, before, count):
    """The policy with so many zones more. Each has its own KSK entry and its
    own ZSK: the same two keys, whose DS differ from name to name."""
    head, zones = a.signed_policy_text(q.hash_of(before)).split("zones:\n", 1)
    short = re.sub(r"    (signature|rate): .*\n", "", zones)
    olds = [ap.ds_text(ZONE, rdata) for rdata in (a.ksks["ksk1"], zsk.rdata)]
    assert all(short.count(old) == 1 for old in olds)

    def zone(name):
        text = short.replace(ZONE, name)
        for old, rdata in zip(olds, (a.ksks["ksk1"], zsk.rdata)):
            text = text.replace(old, ap.ds_text(name, rdata))
        return text
    return head + "zones:\n" + zones + "".join(
        zone(name_of(i)) for i in range(count))


def give_key(a, names):
    """Lets the token's key sign for further zones: lines of the keymap, which
    `kskadm key generate` wrote for the first."""
    with open(a.path("etc/keymap"), encoding="ascii") as f:
        text = f.read()
    line, = [x for x in text.splitlines() if x.startswith("ksk ")]
    _, _, token, _, _, _, _, *rest = line.split()
    rdata = a.ksks["ksk1"]
    a.write("etc/keymap", text + "".join(
        " ".join(["ksk", n, token, ap.ds_text(n, rdata), *rest]) + "\n"
        for n in names))


class Load(threading.Thread):
    """Signs one zone again and again; keeps how long each answer took."""

    def __init__(self, a, zsk):
        super().__init__()
        self.a, self.zsk = a, zsk
        self.over = threading.Event()
        self.took, self.bad = [], []

    def run(self):
        with self.a.peer("auto", timeout=60) as p:
            while not self.over.is_set():
                begin = time.monotonic()
                reply = self.a.sign(p, ZONE, [self.zsk])
                self.took.append((begin, time.monotonic() - begin))
                if reply[2] != ap.DONE:
                    self.bad.append(reply)


def figures(loads, begin, end):
    """Median, 99th percentile and longest of the answers asked for then."""
    took = sorted(t for x in loads for at, t in x.took if begin <= at < end)
    return len(took), took[len(took) // 2], took[len(took) * 99 // 100], \
        took[-1]


def say(what, count, p50, p99, worst):
    print(f"{what}: {count} signed, p50 {p50 * 1e3:.1f} ms, p99 "
          f"{p99 * 1e3:.1f} ms, longest {worst * 1e3:.0f} ms", flush=True)


def prepare(a):
    a.make_quorum()
    a.add_ksk(ZONE, "ksk1")
    a.add_client("auto")
    zsk = ap.Zsk(a.path("alpha"), ZONE)
    a.add_zone(ZONE, ["ksk1"], {"alpha": [zsk]})
    home = a.path("profile")
    done = ap.sh(a.tool("kskctl"), "--config", home, "enroll", "--name", "ctl",
                 "--appliance", f"127.0.0.1:{a.port}", "--server-pin",
                 a.server_pin)
    a.clients["ctl"] = (done.out.split("pin: ")[1].split(",")[0],
                        "read, submit")
    return home, zsk


def submit(a, home, text, signers):
    a.sign_text(text, signers)
    begin = time.monotonic()
    done = ap.sh(a.tool("kskctl"), "--config", home, "policy", "submit",
                 a.path("document.cms"), check=False)
    assert done.returncode == 0, done.err + a.log_text()
    return begin, time.monotonic()


def sign_new(a, name, zsk):
    """Workers look the keys of the new zones up one after the other."""
    def try_it():
        with a.peer("auto") as p:
            reply = p.ask(ap.SIGN, {1: a.keyset(name, [zsk], ["ksk1"])})
        assert reply[2] in (ap.DONE, ap.NOT_READY), (name, reply)
        return reply[2] == ap.DONE
    ap.wait_for(try_it, 100, step=0.5)


def run(a, zones, longest):
    home, zsk = prepare(a)
    give_key(a, [name_of(i) for i in range(zones)])
    a.start(ready=False)
    a.wait_up(state=7)
    first = a.signed_policy_text()
    assert a.submit_text(q.POLICY, first, ["anna", "bert"])[2] == ap.DONE
    a.wait_ready()
    text = large(a, zsk, first, zones)
    loads = [Load(a, zsk) for _ in range(2)]
    for load in loads:
        load.start()
    quiet = time.monotonic()
    time.sleep(3)
    begin, end = submit(a, home, text, ["anna", "carl"])
    time.sleep(3)
    for load in loads:
        load.over.set()
    for load in loads:
        load.join()
    print(f"{zones} zones, {len(text) / 2 ** 20:.0f} MiB: in force after "
          f"{end - begin:.1f} s")
    say("before", *figures(loads, quiet, begin))
    during = figures(loads, begin, end)
    say("meanwhile", *during)
    after = figures(loads, end, end + 9)
    say("after", *after)
    assert not any(x.bad for x in loads), [x.bad[:1] for x in loads]
    assert max(during[3], after[3]) < longest, "signing stood still"
    for name in (name_of(0), name_of(zones - 1)):
        sign_new(a, name, zsk)
    print(f"the last zone signs {time.monotonic() - end:.0f} s later, when its "
          "key was looked up")
    a.stop()
    a.start(ready=False)
    a.wait_up()
    with a.peer("boss", timeout=30) as p:
        assert p.ask(ap.STATUS)[3][7].hex() == q.hash_of(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--zones", type=int, default=100000)
    parser.add_argument("--longest", type=float, default=0.5, metavar="S",
                        help="so long may one signature take")
    words = parser.parse_args()
    with q.Quorum() as a:
        run(a, words.zones, words.longest)


if __name__ == "__main__":
    main()
