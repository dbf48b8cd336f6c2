"""A whole appliance, the providers of one zone, a parent, resolvers and a loop
of queries, all on loopback: what the tests here start, turn and look at.
"""
import contextlib
import os
import shutil
import sys
import tempfile

import dns.dnssec
import dns.exception
import dns.rdata
import dns.rdatatype
import dns.rrset

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import (  # noqa: E402,F401
    ADDRESS, ALGORITHM, ALGORITHMS, APEX, DS_TTL, KEY_TTL, NAMES, TTL, ZONE,
    Bind, Key, KeyFolder, Knot, Own, Provider, Server, Static, ap, eventually,
    free_port, read, sh, write, zone_text)
from servers_pdns import Pdns, PdnsLive  # noqa: E402,F401
from world import Parent, Prober, Resolver, Watch  # noqa: E402,F401


class Bench:
    """All of it: an appliance, providers, the file of `sync`. Use as a context
    manager."""
    KINDS = {"alpha": Knot, "beta": Bind, "gamma": Pdns, "delta": Static}
    # propagation is how long a run of sync may take to deliver to all.
    PROPAGATION = 3
    WAITS = ("{zone-max-ttl: 2s, propagation: %us, sign-delay: 1s, "
             "parent-ds-ttl: 4s, parent-propagation: 1s}")
    SIGNATURE = ("{validity: 14d, refresh: 5d, inception-offset: 1h, "
                 "horizon: 0, min-validity: 1d}")

    def __init__(self, names, algorithm=ALGORITHM, propagation=PROPAGATION,
                 **kinds):
        self.names = list(names)
        self.algorithm, self.propagation = algorithm, propagation
        self.kinds = {**self.KINDS, **kinds}
        self.dir = tempfile.mkdtemp(prefix="ksk providers.")
        # nsd-control and pdns take no blanks everywhere.
        self.dir = shutil.move(self.dir, self.dir.replace(" ", "-"))
        os.chmod(self.dir, 0o755)
        self.stack = contextlib.ExitStack()
        self.servers, self.providers = [], []
        self.parent = None
        self.state = {}   # provider: its keys in the policy
        self.states = {}  # provider: joining or leaving in the policy
        self.ksk = []     # [(label, more of its entry)]
        self.more = {}    # more keys of the zone in the policy
        self.others = []  # keys of co-signers at the parent

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop()
        self.stack.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def add(self, server):
        self.servers.append(server)
        return server

    def begin(self):
        self.a = self.stack.enter_context(ap.Appliance(name="sync"))
        self.a.make()
        self.a.add_client("auto", "read, sign, journal")
        for name in self.names:
            provider = self.add(self.kinds[name](self, name))
            provider.prepare()
            self.providers.append(provider)
            setattr(self, name, provider)
            self.state[name] = [f'{{ds: "{k.ds}"}}' for k in provider.zsks()]
        self.add_ksk("ksk1")
        self.cosign([k for p in self.providers for k in p.seps()
                     if p.name in self.states])
        self.write_policy()
        self.write_sync()
        self.a.start()
        for provider in self.providers:
            provider.start()

    # -- the policy --
    def add_ksk(self, label, more="from: 2020-01-01T00:00:00Z, cds: yes",
                algorithm=None):
        number, bits = ALGORITHMS[algorithm or self.algorithm]
        self.a.add_ksk(ZONE, label, number, *bits)
        self.ksk.append((label, more))
        return ap.key_tag(self.a.ksks[label])

    def cosign(self, absent=()):
        """The co-signers of the policy are the KSKs and CSKs that providers
        have. absent: keys that CDS does not name."""
        tags = {k.tag for k in absent}
        found = [
            f'{{provider: {p.name}, role: {p.ROLE}, ds: "{k.ds}", in-parent: '
            f"{'no' if k.tag in tags else 'yes'}}}"
            for p in self.providers for k in p.seps()]
        self.more["co-signers"] = f"[{', '.join(found)}]" if found else None
        self.others = [k for p in self.providers for k in p.seps()
                       if k.tag not in tags]

    def ds(self, label="ksk1"):
        return ap.ds_text(ZONE, self.a.ksks[label])

    def policy(self):
        self.a.zones = []
        self.a.add_zone(ZONE, self.ksk, self.state, ttl=f"{KEY_TTL}s",
                        waits=self.WAITS % self.propagation,
                        signature=self.SIGNATURE,
                        **self.more)
        text = self.a.policy_text()
        for name, state in self.states.items():
            text = text.replace(f"name: {name}, state: serving",
                                f"name: {name}, state: {state}")
        return text

    def write_policy(self):
        self.a.write_policy(self.policy())

    def set_policy(self):
        """A new policy comes into force."""
        self.write_policy()
        self.a.reload()
        version = self.a.version

        def loaded():
            with self.a.peer() as peer:
                return peer.ask(ap.STATUS)[3][6] == version
        ap.wait_for(loaded)

    def pin(self, provider, *keys):
        self.state[provider.name] = [
            k if isinstance(k, str) else f'{{ds: "{k.ds}"}}' for k in keys]

    # -- kskctl --
    def write_sync(self, providers=None, **more):
        providers = self.providers if providers is None else providers
        write(os.path.join(self.dir, "kskctl.yaml"), f"""
key: "{self.a.path("auto.key")}"
certificate: "{self.a.path("auto.crt")}"
appliances:
  - address: "{ADDRESS}:{self.a.port}"
    server-pins: ["{self.a.server_pin}"]
""")
        keys = {"profile": "kskctl.yaml", "timeout": "5s", "settle": "15s"}
        keys.update(more)
        parent = "" if self.parent is None else \
            f'    parent: ["{self.parent.address}"]\n'
        write(os.path.join(self.dir, "sync.yaml"), "".join(
            f"{k}: {v}\n" for k, v in keys.items() if v is not None)
            + "providers:\n" + "".join(p.entry() for p in providers)
            + f"zones:\n  - name: {ZONE}\n    providers: "
            + f"[{', '.join(p.name for p in providers)}]\n" + parent)

    def kskctl(self, *argv, check=True):
        return sh(os.path.join(ap.BUILD, "kskctl"), *argv, check=check)

    def sync(self, *more, check=True):
        return self.kskctl("sync", *more,
                           os.path.join(self.dir, "sync.yaml"), check=check)

    def check(self, *more):
        return self.kskctl("check", *more,
                           os.path.join(self.dir, "sync.yaml"), check=False)

    # -- judges --
    def start_parent(self, *ds):
        self.parent = self.add(Parent(self, "parent"))
        self.parent.prepare(ds or [self.ds()])
        self.parent.start()
        self.write_sync()

    def cross_validate(self, source, data, labels=("ksk1",), more=()):
        """The keys that one provider serves validate the data of another.
        -> None or what is wrong"""
        anchor = {dns.rdata.from_text("IN", "DS", x)
                  for x in [*[self.ds(x) for x in labels], *more]}
        try:
            keys = rrsigs = None
            for rrset in source.ask(APEX, "DNSKEY").answer:
                if rrset.rdtype == dns.rdatatype.DNSKEY:
                    keys = rrset
                else:
                    rrsigs = rrset
            trusted = [k for k in keys if any(
                dns.dnssec.make_ds(APEX, k, "SHA256") == d for d in anchor)]
            if not trusted:
                return "no key of the DS"
            dns.dnssec.validate(keys, rrsigs, {APEX: dns.rrset.from_rdata_list(
                APEX, keys.ttl, trusted)})
            for name, kind in (("w1." + ZONE, "A"), (ZONE, "SOA"),
                               (ZONE, "NS")):
                reply = data.ask(name, kind)
                dns.dnssec.validate(reply.answer[0], reply.answer[1],
                                    {APEX: keys})
            for rrset in data.ask("nx." + ZONE, "A").authority:
                if rrset.rdtype == dns.rdatatype.RRSIG:
                    continue
                dns.dnssec.validate(
                    rrset, [r for r in data.ask("nx." + ZONE, "A").authority
                            if r.name == rrset.name
                            and r.rdtype == dns.rdatatype.RRSIG
                            and r.covers == rrset.rdtype][0], {APEX: keys})
        except (dns.exception.DNSException, IndexError, AttributeError) as e:
            return f"{type(e).__name__}: {e}"
        return None

    def matrix(self, **more):
        """Every provider's data with every provider's keys: what fails."""
        return {f"{s.name}>{d.name}": w
                for s in self.providers for d in self.providers
                if (w := self.cross_validate(s, d, **more)) is not None}
