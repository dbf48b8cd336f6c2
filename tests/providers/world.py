"""What is around the providers: the parent with the DS RRset, validating
resolvers, and loops of queries that ask them all the time.
"""
import os
import random
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype

from servers import (ADDRESS, ALGORITHM, DS_TTL, NAMES, ZONE, Server, Static,
                     eventually, read, sh, write)


class Parent(Server):
    """test., with the DS RRset of the zone, on NSD."""

    def prepare(self, ds):
        os.makedirs(self.path("keys"), exist_ok=True)
        self.ksk, self.zsk = (
            sh("dnssec-keygen", "-q", "-K", self.path("keys"), "-a",
               ALGORITHM, *more, "test.").out.strip()
            for more in (["-f", "KSK"], []))
        self.serial = 0
        self.primary_port = self.port
        Static.configure(self)
        conf = self.path("nsd.conf")
        write(conf, read(conf).replace(f'"{ZONE}"', '"test."'))
        self.set_ds(ds)

    def set_ds(self, ds):
        self.serial += 1
        lines = ["$ORIGIN test.", f"$TTL {DS_TTL}",
                 f"@ SOA ns hostmaster {self.serial} 3600 600 864000 "
                 f"{DS_TTL}", "@ NS ns", f"ns A {ADDRESS}",
                 "example NS ns.a.example", "example NS ns.b.example",
                 f"ns.a.example A {ADDRESS}", f"ns.b.example A {ADDRESS}"]
        lines += [f"example DS {x}" for x in ds]
        lines += [read(self.path("keys", k + ".key")).splitlines()[-1]
                  for k in (self.ksk, self.zsk)]
        write(self.path("in.zone"), "\n".join(lines) + "\n")
        sh("dnssec-signzone", "-q", "-d", self.dir, "-o", "test.", "-K",
           self.path("keys"), "-f", self.path("signed.zone"),
           self.path("in.zone"), cwd=self.dir)
        if self.processes:
            sh("nsd-control", "-c", self.path("nsd.conf"), "reload", "test.")

    def start(self):
        self.daemon("nsd", "-d", "-c", self.path("nsd.conf"))
        self.wait_up(name="test.")

    def change_ds(self, *ds):
        """Serves this DS RRset; returns when it is there."""
        self.set_ds(ds)

        def there():
            sh("nsd-control", "-c", self.path("nsd.conf"), "reload", "test.")
            return self.served("DS")[0] == {dns.rdata.from_text(
                "IN", "DS", x).to_wire() for x in ds}
        eventually(there, step=0.5)

    def anchor(self):
        return read(self.path("keys", self.ksk + ".key")).splitlines()[-1]


class Resolver(Server):
    """Unbound. A default one asks other servers again when an answer does not
    validate, which hides a broken Model 1; a strict one does not."""

    def prepare(self, providers, parent, strict):
        stubs = f'stub-zone:\n  name: "{ZONE}"\n' + "".join(
            f"  stub-addr: {p.host}@{p.port}\n" for p in providers)
        stubs += (f'stub-zone:\n  name: "test."\n  stub-addr: '
                  f"{ADDRESS}@{parent.port}\n")
        more = "  val-max-restart: 0\n  harden-algo-downgrade: yes\n" \
            if strict else ""
        write(self.path("unbound.conf"), f"""
server:
  interface: {ADDRESS}@{self.port}
  do-ip6: no
  username: ""
  chroot: ""
  directory: "{self.dir}"
  pidfile: "{self.dir}/unbound.pid"
  use-syslog: no
  logfile: "{self.dir}/unbound.log"
  log-servfail: yes
  val-log-level: 2
  module-config: "validator iterator"
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  local-zone: "test." nodefault
  aggressive-nsec: no
  val-bogus-ttl: 1
  num-threads: 1
{more}  trust-anchor: "{parent.anchor()}"
remote-control:
  control-enable: yes
  control-interface: {self.dir}/control
  control-use-cert: no
{stubs}""")

    def ask_from_now(self, providers):
        """The NS RRset changes: these are asked, and no other. What the cache
        has stays there."""
        sh("unbound-control", "-c", self.path("unbound.conf"), "stub_add",
           ZONE, *[f"{p.host}@{p.port}" for p in providers])

    def start(self):
        self.daemon("unbound", "-d", "-c", self.path("unbound.conf"))
        self.wait_up(name=".", kind="NS", tcp=False, rcodes=(0, 2, 5))

    def bogus(self):
        return [x for x in read(self.path("unbound.log")).splitlines()
                if "SERVFAIL" in x or "validation failure" in x]


class Prober(threading.Thread):
    """Asks a resolver all the time, a quarter of it for names that are not
    there, and keeps what came back."""

    def __init__(self, resolver, rate):
        super().__init__(daemon=True)
        self.resolver, self.rate = resolver, rate
        self.going = True
        self.log = []
        self.random = random.Random(1)

    def question(self, n):
        if n % 4 == 0:
            return f"nx{self.random.randrange(10 ** 6)}.{ZONE}", "A"
        if n % 4 == 1:
            return f"who{self.random.randrange(NAMES // 2)}.{ZONE}", "TXT"
        return f"w{self.random.randrange(NAMES)}.{ZONE}", "A"

    def probe(self, n):
        name, kind = self.question(n)
        query = dns.message.make_query(name, kind, want_dnssec=True)
        try:
            reply = dns.query.udp(query, ADDRESS, port=self.resolver.port,
                                  timeout=10)
        except (OSError, dns.exception.DNSException) as e:
            return name, type(e).__name__, False, ""
        who = [r[0].to_text().strip('"') for r in reply.answer
               if r.rdtype == dns.rdatatype.TXT]
        return (name, dns.rcode.to_text(reply.rcode()),
                bool(reply.flags & dns.flags.AD), who[0] if who else "")

    def run(self):
        n = 0
        while self.going:
            n += 1
            self.log.append((time.time(), *self.probe(n)))
            time.sleep(1 / self.rate)

    def finish(self):
        self.going = False
        self.join(20)
        return self.log


class Watch:
    """Two resolvers under a loop of queries each."""

    def __init__(self, bench, rate=20, providers=None):
        self.probers = {}
        for name in ("default", "strict"):
            resolver = bench.add(Resolver(bench, f"unbound-{name}"))
            resolver.prepare(providers or bench.providers, bench.parent,
                             name == "strict")
            resolver.start()
            self.probers[name] = Prober(resolver, rate)
        for prober in self.probers.values():
            prober.start()

    def ask_from_now(self, providers):
        for prober in self.probers.values():
            prober.resolver.ask_from_now(providers)

    def who(self, since):
        """Who answered since a moment, at all resolvers together."""
        return sorted({x[4] for prober in self.probers.values()
                       for x in list(prober.log) if x[0] >= since and x[4]})

    def finish(self):
        """-> {resolver: {validated, bad: [what went wrong], who}}"""
        out = {}
        for name, prober in self.probers.items():
            log = prober.finish()
            good = [x for x in log if x[2] in ("NOERROR", "NXDOMAIN") and x[3]]
            out[name] = {
                "validated": len(good),
                "bad": [x for x in log if x not in good],
                "who": sorted({x[4] for x in good if x[4]}),
                "bogus": prober.resolver.bogus()[:3]}
        return out
