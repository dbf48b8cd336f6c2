"""Operators of a whole appliance: their keys, the documents that they sign with
openssl's own tool, and how these are handed in over the protocol.
"""
import hashlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

POLICY_SHOW, SUBMIT, PART = 6, 7, 11
POLICY, AUTHORITY, WITHDRAW, AUTHORISE = 1, 2, 3, 4
PART_MAX = 49152


def later(seconds=3600):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(
        time.time() + seconds))


class Operator:
    def __init__(self, folder, name, key=("ec", "-pkeyopt",
                                          "ec_paramgen_curve:P-256")):
        self.name = name
        self.key = os.path.join(folder, f"{name}.op.key")
        self.crt = os.path.join(folder, f"{name}.op.crt")
        ap.sh("openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout",
              self.key, "-out", self.crt, "-days", "30", "-subj",
              f"/CN={name}")
        self.pin = ap.Appliance.pin_of(self.crt)


class Quorum(ap.Appliance):
    """An appliance whose policy needs operators. Made with make_quorum."""

    def make_quorum(self, names=("anna", "bert", "carl"), policy=2,
                    authority=2, authorise=2, **config):
        self.make()
        self.ops = {n: Operator(self.dir, n) for n in names}
        self.add_client("boss", may="read, submit")
        self.first = self.authority_text(1, names, policy, authority,
                                         authorise, "none")
        self.kskadm("authority", self.write("first.yaml", self.first))
        self.quorum_config(**config)
        return self

    def quorum_config(self, **config):
        pin = self.clients["boss"][0]
        values = {"policy": None, "authority": "{mode: quorum}",
                  "bootstrap-clients": f"[{pin}]"}
        values.update(config)
        self.config(**values)

    def authority_text(self, version, names, policy, authority, authorise,
                       replaces, appliance=None, not_after=None):
        operators = "".join(f"  - {{name: {n}, pin: {self.ops[n].pin}}}\n"
                            for n in names)
        return (f"kind: authority\nappliance: {appliance or self.id}\n"
                f"replaces: {replaces}\nversion: {version}\n"
                f"not-after: {not_after or later()}\noperators:\n{operators}"
                f"thresholds: {{policy: {policy}, authority: {authority}, "
                f"authorise: {authorise}}}\n")

    def signed_policy_text(self, replaces="none", not_after=None, more=""):
        """The policy of the zones and clients, with its claims."""
        text = self.policy_text()
        return text.replace(
            "clients:", f"replaces: {replaces}\nnot-after: "
            f"{not_after or later()}\n{more}clients:", 1)

    def sign_text(self, text, names, more=(), md="sha256"):
        """CMS by openssl, all signers at once; returns DER."""
        path = self.path("document.in")
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        words = []
        for n in names:
            words += ["-signer", self.ops[n].crt, "-inkey", self.ops[n].key]
        ap.sh("openssl", "cms", "-sign", "-binary", "-nodetach",
              "-nosmimecap", "-md", md, "-outform", "DER", *more, *words,
              "-in", path, "-out", self.path("document.cms"))
        with open(self.path("document.cms"), "rb") as f:
            return f.read()

    def upload(self, peer, data):
        digest = hashlib.sha256(data).digest()
        for at in range(0, len(data), PART_MAX):
            reply = peer.ask(PART, {1: len(data), 2: digest, 3: at,
                                    4: data[at:at + PART_MAX]})
            if reply[2] != ap.DONE:
                return reply, digest
        return reply, digest

    def submit(self, kind, data, client="boss", dry_run=False, peer=None):
        with self.peer(client) if peer is None else _Kept(peer) as p:
            reply, digest = self.upload(p, data)
            if reply[2] != ap.DONE:
                return reply
            body = {1: kind, 2: digest}
            if dry_run:
                body[3] = True
            return p.ask(SUBMIT, body)

    def submit_text(self, kind, text, names, **more):
        return self.submit(kind, self.sign_text(text, names), **more)

    def show(self, client="boss", kind=None):
        """What stands; with a kind also the whole document."""
        with self.peer(client) as p:
            if kind is None:
                return p.ask(POLICY_SHOW)[3][1]
            whole = b""
            while True:
                content = p.ask(POLICY_SHOW, {1: kind, 2: len(whole)})[3][2]
                whole += content[5]
                if len(whole) == content[2]:
                    return content, whole

    def wait_up(self, client="boss", state=None):
        """Waits until status answers, in that state."""
        def up():
            if self.process.poll() is not None:
                raise AssertionError("kskd is gone:\n" + self.log_text())
            try:
                with self.peer(client) as p:
                    reply = p.ask(ap.STATUS)
                    return state is None or reply[3][4] == state
            except (OSError, KeyError):
                return False
        try:
            ap.wait_for(up, 20)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.log_text()}") from None


class _Kept:
    def __init__(self, peer):
        self.peer = peer

    def __enter__(self):
        return self.peer

    def __exit__(self, *_):
        pass


def rules(reply):
    return {r[1] for r in reply.get(4, [])}


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()
