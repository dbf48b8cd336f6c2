# SPDX-License-Identifier: BSD-2-Clause
"""The product's rules behind the model's Box: every question that the model
answers is asked of tests/model/judge.c as well, and the answers must be the
same. One unit of the model's time is an hour, so that no rounding hides an
edge; keys are real ones, made once by openssl.
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import time

import rules
from rules import INF, alg

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("KSK_BUILD", "build"))
ORIGIN, HOUR = 1800000000, 3600
NEVER, AHEAD = 2 ** 64 - 1, 10 ** 6
ZONE, WIRE = "lab.example.", b"\3lab\7example\0"
ALGORITHM = {"e": 13, "r": 15}
TYPE = {"DNSKEY": 48, "CDS": 59, "CDNSKEY": 60}
DELETE = {"CDS": [bytes(5)], "CDNSKEY": [bytes([0, 0, 3, 0, 0])]}
PIN = "01" * 32


def seconds(t):
    return ORIGIN + t * HOUR


class Different(AssertionError):
    pass


class PolicyRefused(AssertionError):
    pass


class Key:
    def __init__(self, name):
        self.name = name
        number = ALGORITHM[alg(name)]
        if number == 13:
            gen = ["ecparam", "-name", "prime256v1", "-genkey", "-noout"]
        else:
            gen = ["genpkey", "-algorithm", "ed25519"]
        pem = subprocess.run(["openssl", *gen], capture_output=True,
                             check=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubout", "-outform",
                              "DER"], input=pem, capture_output=True,
                             check=True).stdout
        flags = 256 if name.startswith("z") else 257
        self.flags = flags
        self.rdata = struct.pack("!HBB", flags, 3, number) + \
            der[-64 if number == 13 else -32:]
        self.tag = self.tag_of(self.rdata)
        self.digest = hashlib.sha256(WIRE + self.rdata).hexdigest()
        self.ds = f"{self.tag} {number} 2 {self.digest}"
        self.words = f"{self.tag} {number} {self.digest}"
        self.cds = struct.pack("!HBB", self.tag, number, 2) + \
            bytes.fromhex(self.digest)

    @staticmethod
    def tag_of(rdata):
        total = sum(b << 8 if i % 2 == 0 else b for i, b in enumerate(rdata))
        return (total + (total >> 16)) & 0xffff


class Keys:
    """Keys by the model's names, no two with one tag."""

    def __init__(self):
        self.known, self.tags = {}, set()

    def __getitem__(self, name):
        while name not in self.known:
            key = Key(name)
            # KSKs count in their revoked form too.
            tags = {key.tag, Key.tag_of(
                struct.pack("!H", key.flags | 128) + key.rdata[2:])}
            if tags & self.tags:
                continue
            self.tags |= tags
            self.known[name] = key
        return self.known[name]


KEYS = Keys()


class Certificate:
    """Of a key with which a provider signs announcements."""

    def __init__(self, name):
        pem = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null",
             "-days", "3650", "-subj", f"/CN={name}"], capture_output=True,
            check=True).stdout
        public = subprocess.run(["openssl", "x509", "-noout", "-pubkey"],
                                input=pem, capture_output=True,
                                check=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-pubout",
                              "-outform", "DER"], input=public,
                             capture_output=True, check=True).stdout
        self.pin = hashlib.sha256(der).hexdigest()
        self.yaml = json.dumps(pem.decode())


class Certificates(dict):
    """By provider and number; made when first asked for."""

    def __missing__(self, which):
        self[which] = Certificate(which[0])
        return self[which]


CERTIFICATES = Certificates()


def when(t):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t))


class ZoneText:
    """A zone's entry in the product's policy that says what the model's
    policy says. ds(key): the text of its DS; seconds(t): a moment of the
    model's; now: where a cds-delete counts from."""

    def __init__(self, ds, seconds, now, zone=ZONE, client="one"):
        self.ds, self.seconds, self.now = ds, seconds, now
        self.zone, self.client = zone, client

    def at(self, t):
        return when(self.seconds(t))

    def ds_list(self, names):
        return "[" + ", ".join(f'"{self.ds(k)}"' for k in sorted(names)) + "]"

    def ksk(self, name, k):
        until = f", until: {self.at(k.until)}" if k.until is not None else ""
        return (f'      - {{token: main, label: {name}, ds: '
                f'"{self.ds(name)}", from: {self.at(k.frm)}{until}, cds: '
                f"{'yes' if k.cds else 'no'}}}\n")

    def provider(self, name, p):
        keys = []
        for key, e in p.keys:
            more = f", retired: {self.at(e.retired)}" \
                if e.retired is not None else ""
            more += ", withdrawn: yes" if e.withdrawn else ""
            keys.append(f'{{ds: "{self.ds(key)}"{more}}}')
        gone = f", gone: {self.at(p.gone)}" if p.gone is not None else ""
        source = "pinned" if not p.announced else \
            f"announced, certificate: {CERTIFICATES[name, p.cert].yaml}"
        return (f"      - {{name: {name}, state: {p.state}{gone}, source: "
                f"{source}, keys: [{', '.join(keys)}], max-keys: "
                f"{p.max_keys}, proof: none}}\n")

    def cosigner(self, key, in_parent):
        return (f"      - {{provider: foreign, role: ksk, ds: "
                f'"{self.ds(key)}", in-parent: '
                f"{'yes' if in_parent else 'no'}}}\n")

    def text(self, pol, new_zone=True):
        def hours(n):
            return f"{n}h" if n else "0"
        text = f"""  - name: {self.zone}
    clients: [{self.client}]
    ttl: {hours(pol.ttl)}
    sign: [DNSKEY, CDS, CDNSKEY]
    algorithms: [13, 15]
    rate: "1000000/1h"
    new-zone: {'yes' if new_zone else 'no'}
    accept-outage: {'yes' if pol.outage else 'no'}
    signature: {{validity: {hours(pol.validity)}, refresh: \
{hours(pol.refresh)}, inception-offset: {hours(pol.offset)}, horizon: \
{hours(pol.horizon)}, min-validity: 1h}}
    waits: {{zone-max-ttl: {hours(pol.Z)}, propagation: {hours(pol.P)}, \
sign-delay: {hours(pol.SD)}, parent-ds-ttl: {hours(pol.PT)}, \
parent-propagation: {hours(pol.PP)}}}
    parent-ds: {{seen: {self.at(pol.seen)}, ds: {self.ds_list(pol.parent_ds)}}}
"""
        if pol.cds_delete:
            text += f"    cds-delete: {{until: {self.at(self.now + 24)}}}\n"
        text += "    ksk:\n" if pol.ksk else "    ksk: []\n"
        text += "".join(self.ksk(*x) for x in pol.ksk)
        text += "    providers:\n" if pol.providers else "    providers: []\n"
        text += "".join(self.provider(*x) for x in pol.providers)
        text += "    co-signers:\n" if pol.cosigners else ""
        return text + "".join(self.cosigner(k, k in pol.cosigner_ds)
                              for k in sorted(pol.cosigners))


def policy_text(pol, now=0):
    """The policy file of the product that says what the model's says."""
    zone = ZoneText(lambda k: KEYS[k].ds, seconds, now)
    return ("kind: policy\nappliance: 000102030405060708090a0b0c0d0e0f\n"
            "version: 1\nclients: [{name: one, may: [read, sign], pin: "
            f"{PIN}}}]\nzones:\n") + zone.text(pol)


class Judge:
    """One judge.c for the whole run; policies are compiled once each."""

    def __init__(self):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "model", "judge")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.tables, self.next = {}, 0
        self.asked = self.forgot = self.schedules = 0

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(10)

    def ask(self, line, data=b""):
        self.process.stdin.write(line.encode() + b"\n" + data)
        self.process.stdin.flush()
        out = self.process.stdout.readline().decode().strip()
        if not out:
            raise AssertionError(f"the judge is gone: {line[:200]}")
        self.asked += 1
        return out

    def table(self, pol, now):
        """Its number; PolicyRefused if the product does not take it."""
        text = policy_text(pol, now)
        if text not in self.tables:
            number = self.next % 4000
            self.next += 1
            if number == 0:
                self.tables = {}
            data = text.encode()
            out = self.ask(f"P {number} {seconds(now)} {len(data)}", data)
            if out != "ok":
                raise PolicyRefused(f"{out}\n{text}")
            self.tables[text] = number
        return self.tables[text]

    # -- the history as numbers --
    def history(self, box, now):
        answers = sorted(sum(box.tl.values(), []), key=lambda a: a.seq)
        names = sorted({k for a in answers if a.typ == "DNSKEY"
                        for k in a.keys})
        ours = {k for a in answers if a.typ == "DNSKEY" for k in a.signers}
        number = {k: i for i, k in enumerate(names)}
        words = [str(seconds(now)), str(len(names))]
        for k in names:
            words += [KEYS[k].words, str(KEYS[k].flags), str(int(k in ours))]
        words.append(str(len(answers)))
        for a in answers:
            # Room for the ghost of an adoption before the first.
            words += [str((a.seq + AHEAD) * 1024), str(TYPE[a.typ]),
                      str(int(a.ghost)), str(a.ttl * HOUR)]
            words += ["0", str(NEVER), "0"] if a.ghost else \
                [str(seconds(a.inc)), str(seconds(a.exp)),
                 str(seconds(a.rel))]
            words.append(str(len(a.keys)))
            for k in sorted(a.keys):
                words += [str(number[k]), str(int(k in a.signers))] \
                    if a.typ == "DNSKEY" else [KEYS[k].words]
        words.append(str(len(box.snaps)))
        for seen, ds in box.snaps:
            words += [str(seconds(seen)), str(len(ds))]
            words += [KEYS[k].words for k in sorted(ds)]
        words.append(str(len(box.old)))
        for unloaded, pol in box.old:
            words += [str(pol.Z * HOUR), str(pol.PT * HOUR),
                      str(seconds(unloaded))]
        words.append(str(len(box.ann)))
        for name, a in sorted(box.ann.items()):
            words += [name, CERTIFICATES[name, a.cert].pin,
                      str(seconds(a.begin)), str(seconds(a.end)),
                      str(len(a.keys + a.former))]
            for k, retired in a.keys + a.former:
                words += [KEYS[k].words, str(
                    NEVER if retired is None else seconds(retired)),
                    str(int((k, retired) not in a.keys))]
        return " ".join(words), number

    def schedule(self, box, bundles, now, named):
        """bundles: the model's candidates. -> the rules that refuse each."""
        history, _ = self.history(box, now)
        words = ["S", str(self.table(box.pol, now)), history, str(len(named))]
        words += [str(a.seq + AHEAD) for a in sorted(
            named, key=lambda a: a.seq)]
        words.append(str(len(bundles)))
        for n in bundles:
            words += [str(n.ttl * HOUR), str(seconds(n.inc)),
                      str(seconds(n.exp)), str(len(n.keys))]
            words += [KEYS[k].rdata.hex() for k in n.keys]
        out = self.ask(" ".join(words)).split()
        if out[0] == "forgot":
            self.forgot += 1
            out.pop(0)
        self.schedules += 1
        got = [{out[0]} - {"permit", "refuse"} for _ in bundles]
        for word in out[1:]:
            bundle, rule = word.split(":")
            got[int(bundle)].add(rule)
        return got

    def request(self, box, n, now, named):
        """n: the model's candidate. named: the answers it supersedes."""
        history, _ = self.history(box, now)
        records = [KEYS[k].cds if n.typ == "CDS" else KEYS[k].rdata
                   for k in n.keys] or DELETE.get(n.typ, [])
        words = ["J", str(self.table(box.pol, now)), history, str(TYPE[n.typ]),
                 str(n.ttl * HOUR), str(seconds(n.inc)),
                 str(seconds(n.exp)), str(len(named))]
        words += [str(a.seq + AHEAD) for a in named]
        words.append(str(len(records)))
        words += [r.hex() for r in records]
        out = self.ask(" ".join(words)).split()
        if out[0] == "forgot":
            self.forgot += 1
            out.pop(0)
        # out[0] is "differs" if the product judges otherwise after it has
        # forgotten what it may forget.
        return set(out[1:]) | {out[0]} - {"permit", "refuse"}

    def load(self, box, old, now):
        history, _ = self.history(box, now)
        return set(self.ask(f"L {self.table(box.pol, now)} {self.table(old, now)} "
                            f"{history}").split()[1:])


JUDGE = None


def judge():
    global JUDGE
    if JUDGE is None:
        JUDGE = Judge()
    return JUDGE


class Box(rules.Box):
    """The model's box, checked against the product at each step. A model
    without some corrections is compared only if that is wanted."""

    compare = False

    def is_compared(self):
        return self.compare or self.fix == rules.ALL

    def judge(self, typ, keys, now, chain=None, **kw):
        bad, n = super().judge(typ, keys, now, chain=chain, **kw)
        if not self.is_compared() or chain is not None:
            return bad, n
        supersedes = kw.get("supersedes", False)
        named = self.later(typ, n) if supersedes else []
        try:
            got = judge().request(self, n, now, named)
        except PolicyRefused:
            # What the model refuses at each request is refused at load.
            if "window" in bad:
                return bad, n
            raise
        if got != set(bad):
            raise Different(
                f"at {now} {typ} {sorted(keys)} {kw}: model {sorted(bad)}, "
                f"product {sorted(got)}\n  candidate {n}\n" + self.told())
        return bad, n

    def told(self):
        return "  timeline " + "\n    ".join(
            map(str, sum(self.tl.values(), []))) + \
            f"\n  snaps {self.snaps}\n  {self.pol}\n  old {self.old}" \
            f"\n  announced {self.ann}"

    def schedule(self, bundles, now, supersedes=False):
        """Each bundle's verdict is compared."""
        if self.is_compared():
            self.compare_schedule(bundles, now, supersedes)
        return super().schedule(bundles, now, supersedes)

    def compare_schedule(self, bundles, now, supersedes):
        chain, named, bad = list(self.tl["DNSKEY"]), [], []
        for keys, inc, exp in bundles:
            refused, n = rules.Box.judge(
                self, "DNSKEY", frozenset(keys), now, inc=inc, exp=exp,
                supersedes=supersedes, chain=chain)
            ahead = chain[len(self.tl["DNSKEY"]):]
            named += [a for a in self.later("DNSKEY", n, ahead)
                      if a not in ahead and a not in named]
            bad.append(set(refused))
            chain.append(n)
        ahead = chain[len(self.tl["DNSKEY"]):]
        try:
            got = judge().schedule(self, ahead, now,
                                   named if supersedes else [])
        except PolicyRefused:
            if all("window" in b for b in bad):
                return
            raise
        if got != bad:
            raise Different(
                f"at {now} schedule: model {bad}, product {got}\n  "
                + "\n  ".join(map(str, ahead)) + "\n" + self.told())

    def load(self, pol, now):
        old = self.pol
        bad = super().load(pol, now)
        if not self.is_compared():
            return bad
        trial = self.trial(pol, now, old, bad)
        got = judge().load(trial, old, now)
        if sorted(got) not in self.tried:
            raise Different(
                f"load at {now}: model {self.tried}, product "
                f"{sorted(got)}\n  new {pol}\n  old {old}\n  snaps {trial.snaps}\n  timeline "
                + "\n    ".join(map(str, sum(self.tl.values(), []))))
        return bad

    def trial(self, pol, now, old, refused):
        """The state that the load was judged in."""
        snaps, olds = list(self.snaps), list(self.old)
        if refused:
            olds = olds + [(now, old)]
            if pol.parent_ds != snaps[-1][1] or pol.seen > snaps[-1][0]:
                snaps = snaps + [(pol.seen, pol.parent_ds)]
        return rules.Box(pol, self.fix, self.tl, snaps, olds, self.seq,
                         self.ann)


def main():
    print(policy_text(rules.Policy()))


if __name__ == "__main__":
    sys.exit(main())
