# SPDX-License-Identifier: BSD-2-Clause
"""What an appliance does besides signing, each with places to die in: a policy
is reloaded, an answer adopted, a schedule signed, a refusal counted, a checkpoint or an anchor
written, a worker lost at its anchor; and the end of all processes at once.
Nothing else runs meanwhile, so that every commit belongs to the act.

An act is begun, the signer stands still somewhere in it and is killed, and
the act is finished by repeating it: that is all that anybody does.
"""
import os
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "token")]
import crash  # noqa: E402
import trace as tr  # noqa: E402
from crash import ap  # noqa: E402


def both_sides(*places):
    return [(f"{'after' if after else 'before'} {name}",
             dict(point, after=after))
            for name, point in places for after in (False, True)]


SYNC = ("a commit is synced", dict(kind=tr.SYNC))
REPLY = ("the reply leaves", dict(kind=tr.SEND, packet=tr.REPLIES))


def sends(name, packet):
    return (name, dict(kind=tr.SEND, packet=packet))


def then(name, kind, since):
    return (name, dict(kind=kind, since=since))


POINTS = {
    "reload": both_sides(
        sends("it is prepared", tr.PREPARED),
        then("its record is written", tr.WRITE, tr.PREPARED),
        then("its record is synced", tr.SYNC, tr.PREPARED),
        sends("the pins leave", tr.PINS)),
    "anchor": both_sides(
        sends("the anchor is asked for", tr.ANCHOR_WRITE)),
    "adopt": both_sides(
        ("the record is written", dict(kind=tr.WRITE)), SYNC, REPLY),
    "refuse": both_sides(SYNC, REPLY) + [
        (f"{'after' if after else 'before'} reply {nth}",
         dict(kind=tr.SEND, packet=tr.REPLIES, nth=nth, after=after))
        for nth in (2, 3) for after in (False, True)],
    # All bundles or none: its intents, its jobs, its results, its reply.
    "schedule": both_sides(
        SYNC, sends("the token is asked", tr.SIGN_JOBS),
        then("its results are written", tr.WRITE, tr.SIGN_JOBS),
        then("its results are synced", tr.SYNC, tr.SIGN_JOBS), REPLY),
    "checkpoint": both_sides(
        sends("it is asked for", tr.ATTEST),
        then("it is written", tr.WRITE, tr.ATTEST),
        then("it is synced", tr.SYNC, tr.ATTEST)),
}


class Acting(crash.Crashing):
    def __init__(self):
        super().__init__(anchor=True)
        a = self.a
        self.audit_key = self.kskadm("key", "generate", "--token", "main",
                                     "--audit").out
        a.write("audit.key", self.audit_key)
        self.before = tr.Disk.of_folder(self.journal)
        self.replies, self.adopted, self.refused = [], [], {}
        self.signed_elsewhere = []
        self.waits = 0

    def kskadm(self, *argv, **more):
        return ap.sh(os.path.join(ap.BUILD, "kskadm"), "-c",
                     self.a.path("etc/kskd.yaml"), *argv, **more)

    def answers(self):
        return super().answers() + self.replies

    # -- before it starts --
    def sign_elsewhere(self, count):
        """Answers that this appliance never gave: the token's own."""
        pin, now = self.pin(), int(time.time())
        code = os.path.join(HERE, "elsewhere.py")
        # Each is newer than what is signed here, and than the one before:
        # what adds nothing is not recorded.
        windows = [(now - 60, now + 20 * 86400 + i) for i in range(count)]
        done = subprocess.run(
            [sys.executable, code, self.a.path("etc/softhsm2.conf"), "ksk",
             "ksk1", self.a.zone],
            input="\n".join([pin, self.ksk.hex(), str(self.keyset[3]),
                             *(x.hex() for x in self.keyset[4]), ""]
                            + [f"{i} {e}" for i, e in windows]),
            stdout=subprocess.PIPE, text=True, check=True)
        self.signed_elsewhere = [bytes.fromhex(x)
                                 for x in done.stdout.split()][::-1]

    # -- asking, again and again --
    def until(self, op, body, status=ap.DONE, seconds=10):
        end = time.monotonic() + seconds * ap.SLOW
        while time.monotonic() < end:
            try:
                with self.a.peer(timeout=5) as peer:
                    reply = peer.ask(op, body)
            except OSError:
                time.sleep(0.003)
                continue
            if reply[2] == status:
                return reply
            if reply[2] not in (ap.NOT_READY, ap.BUSY):
                raise AssertionError(f"an odd reply: {reply}")
            time.sleep(0.003)
        raise AssertionError(f"not done within {seconds} s: {op}\n"
                             + self.a.log_text()[-4000:])

    def sign_one(self):
        reply = self.until(ap.SIGN, {1: self.keyset, 3: os.urandom(16)})
        self.check(reply[3][1])
        self.replies.append((reply[3][2],
                             [crash.digest(x) for x in reply[3][1]]))

    # -- the acts --
    def do_reload(self):
        """One SIGHUP is one answer in the log; a refused one is repeated."""
        a = self.a
        if self.waits < 40:     # what a day may have is bounded
            self.waits += 1
            a.zones[0][4]["waits"] = (
                f"{{zone-max-ttl: {86400 + self.waits}s, propagation: 1h,"
                " sign-delay: 1h, parent-ds-ttl: 1d, parent-propagation: 1h}")
        a.zones[0][4]["sign"] = "[DNSKEY, CDS, CDNSKEY]" \
            if a.version % 2 else "[DNSKEY, CDS]"
        a.write_policy()
        for _ in range(3):
            before = self.outcomes()
            a.reload()
            ap.wait_for(lambda: self.outcomes() != before, 15, 0.003)
            done, refused = self.outcomes()
            assert done + refused == sum(before) + 1, a.log_text()[-2000:]
            if done > before[0]:
                break
        ap.wait_for(lambda: self.until(ap.STATUS, None)[3][6] == a.version,
                    5, 0.003)

    def outcomes(self):
        text = self.a.log_text()
        return (text.count("info reload-done"),
                text.count("error reload-refused"))

    do_anchor = do_reload

    def do_adopt(self):
        rrsig = self.signed_elsewhere.pop()
        reply = self.until(ap.ADOPT, {1: self.keyset, 2: [rrsig]})
        self.adopted.append((crash.digest(rrsig), reply[3][1]))

    def do_schedule(self):
        """Bundles that have begun already: nothing after them must name them.
        The records of one schedule follow each other, or there are none."""
        now = int(time.time()) - 20 * 3600
        body = ap.schedule([
            (self.keyset, {1: now + i * 3600, 2: now + i * 3600 + 5 * 86400})
            for i in range(12)])
        reply = self.until(ap.SIGN_SCHEDULE, {**body, 4: os.urandom(16)})
        records = [b[3] for b in reply[3][1]]
        assert records == list(range(records[0], records[0] + 12)), records
        for bundle in reply[3][1]:
            self.check(bundle[1])
            self.replies.append((bundle[3],
                                 [crash.digest(x) for x in bundle[1]]))

    def do_refuse(self):
        """Three times the same set, of a zone that is this act's alone: what
        is counted is never counted with another act's."""
        owner = ap.wire_name(f"r{len(self.refused)}.example.")
        body = {1: {**self.keyset, 1: owner}}
        self.refused[owner] = 0
        try:
            with self.a.peer(timeout=5) as peer:
                for _ in range(3):
                    reply = peer.ask(ap.SIGN, body)
                    assert reply[2] == ap.UNKNOWN_ZONE, reply
                    self.refused[owner] += 1
        except OSError:
            pass

    def do_checkpoint(self):
        """Signs a thousand records at a time until there is another one."""
        before = self.checkpointed()
        for _ in range(20):
            try:
                self.burst()
            except OSError:
                time.sleep(0.003)
            if self.checkpointed() > before:
                return
        raise AssertionError("no checkpoint\n" + self.a.log_text()[-2000:])

    def checkpointed(self):
        return self.until(ap.STATUS, None)[3].get(15, -1)

    def burst(self):
        with self.a.peer(timeout=10) as peer:
            for _ in range(17):
                for _ in range(32):
                    peer.send(ap.SIGN, {1: self.keyset})
                for _ in range(32):
                    reply = peer.receive()
                    if reply[2] == ap.DONE:
                        self.replies.append((reply[3][2], [
                            crash.digest(x) for x in reply[3][1]]))

    def lose_worker(self, rng):
        """A worker dies at its anchor, on either side of either call."""
        call = rng.choice(["C_CreateObject", "C_DestroyObject"])
        late = rng.random() < 0.5
        rule = self.fault.crash(call, 9, times=1, late=late)
        self.do_reload()
        rule.wait(seconds=10)
        rule.cancel()
        return f"{'after' if late else 'before'} {call}"

    def end_all(self):
        """SIGKILL to every process; then it is started again."""
        a = self.a
        pids = [a.process.pid] + [p for ps in a.children().values()
                                  for p in ps]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        a.process.wait()
        begin = time.monotonic()
        a.start(ready=False)
        self.sign_one()
        return time.monotonic() - begin

    # -- one act, cut off --
    def cut_off(self, name, point):
        """-> (whether it came to the point, seconds to ready)."""
        error = []

        def act():
            try:
                getattr(self, "do_" + name)()
            except BaseException as e:  # told to who waits
                error.append(e)
        self.trace.stop_at(**point)
        thread = threading.Thread(target=act)
        thread.start()
        came = self.kill(30, lambda: not thread.is_alive())
        begin = time.monotonic()
        self.trace.stop_nowhere()
        if not came:
            os.kill(self.a.children()["kskd-signer"][0], signal.SIGKILL)
        self.sign_one()
        took = time.monotonic() - begin
        thread.join()
        if error:
            raise error[0]
        return came, took

    def anchors(self):
        done = ap.sh("pkcs11-tool", "--module", ap.SOFTHSM, "--token-label",
                     "ksk", "--login", "--pin", self.pin(), "--list-objects",
                     "--type", "data", env=dict(
                         os.environ, SOFTHSM2_CONF=self.a.path(
                             "etc/softhsm2.conf")))
        return len(re.findall("ksk-anchor", done.out))
