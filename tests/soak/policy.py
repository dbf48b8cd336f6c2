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


def large(a, before, count):
    """The policy with so many zones more, none of which is ever signed."""
    head, zones = a.signed_policy_text(q.hash_of(before)).split("zones:\n", 1)
    short = re.sub(r"    (signature|rate): .*\n", "", zones)
    return head + "zones:\n" + zones + "".join(
        short.replace(ZONE, f"z{i}.example.") for i in range(count))


class Load(threading.Thread):
    """Signs one zone again and again."""

    def __init__(self, a, zsk):
        super().__init__()
        self.a, self.zsk = a, zsk
        self.over = threading.Event()
        self.count, self.worst, self.bad = 0, 0.0, []

    def run(self):
        with self.a.peer("auto", timeout=60) as p:
            while not self.over.is_set():
                begin = time.monotonic()
                reply = self.a.sign(p, ZONE, [self.zsk])
                self.worst = max(self.worst, time.monotonic() - begin)
                self.count += 1
                if reply[2] != ap.DONE:
                    self.bad.append(reply)


def run(a, zones):
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
    a.start(ready=False)
    a.wait_up(state=7)
    first = a.signed_policy_text()
    assert a.submit_text(q.POLICY, first, ["anna", "bert"])[2] == ap.DONE
    a.wait_ready()
    text = large(a, first, zones)
    a.sign_text(text, ["anna", "carl"])
    loads = [Load(a, zsk) for _ in range(2)]
    for load in loads:
        load.start()
    begin = time.monotonic()
    done = ap.sh(a.tool("kskctl"), "--config", home, "policy", "submit",
                 a.path("document.cms"), check=False)
    took = time.monotonic() - begin
    time.sleep(1)
    for load in loads:
        load.over.set()
    for load in loads:
        load.join()
    worst = max(x.worst for x in loads)
    print(f"{zones} zones, {len(text) / 2 ** 20:.0f} MiB: in force after "
          f"{took:.1f} s; {sum(x.count for x in loads)} signed meanwhile, the "
          f"slowest in {worst:.2f} s")
    assert done.returncode == 0, done.err + a.log_text()
    assert not any(x.bad for x in loads), [x.bad[:1] for x in loads]
    assert worst < 5 * ap.SLOW, "signing stood still"
    a.stop()
    a.start()
    with a.peer("boss", timeout=30) as p:
        assert p.ask(ap.STATUS)[3][7].hex() == q.hash_of(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--zones", type=int, default=100000)
    zones = parser.parse_args().zones
    with q.Quorum() as a:
        run(a, zones)


if __name__ == "__main__":
    main()
