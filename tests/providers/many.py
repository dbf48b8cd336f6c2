"""Many zones with providers that are played here: a name server that serves
what an exec adapter was fed with, one that takes connections and says nothing,
and one that does not even take them.
"""
import collections
import contextlib
import json
import os
import shutil
import socket
import socketserver
import struct
import tempfile
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from servers import ADDRESS, ap, read, sh, write

DEFAULT = 30


class Silent:
    """Takes connections, keeps them, says nothing."""

    def __init__(self):
        self.listener = socket.create_server((ADDRESS, 0), backlog=128)
        self.taken = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self.listener.accept()[0])

    @property
    def address(self):
        return "%s:%u" % self.listener.getsockname()

    def stop(self):
        # close alone would leave the thread in accept.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        for one in [self.listener, *self.taken]:
            one.close()


class Dropping:
    """Has no room for a further connection: what asks for one is dropped."""

    def __init__(self):
        self.listener = socket.create_server((ADDRESS, 0), backlog=0)
        self.filling = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(self.listener.getsockname())
            self.filling.append(one)

    address = Silent.address

    def stop(self):
        for one in [*self.filling, self.listener]:
            one.close()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            return
        query = dns.message.from_wire(
            self.rfile.read(struct.unpack("!H", head)[0]))
        wire = self.server.owner.answer(query).to_wire()
        self.wfile.write(struct.pack("!H", len(wire)) + wire)


class NameServer:
    """Serves SOA, and of the other types what stands in FOLDER/ZONE.json."""

    class Tcp(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
        request_queue_size = 128

    def __init__(self, folder):
        self.folder = folder
        self.asked = collections.Counter()  # (zone, type)
        self.spoil = None  # changes a reply, given with its number in its zone
        self.tcp = self.Tcp((ADDRESS, 0), Handler)
        self.tcp.owner = self
        threading.Thread(target=self.tcp.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "%s:%u" % self.tcp.server_address

    def stop(self):
        self.tcp.shutdown()
        self.tcp.server_close()

    def lines(self, zone, kind):
        if kind == "SOA":
            return [f"{zone} 60 IN SOA a. b. 1 3600 600 86400 60"]
        try:
            value = json.loads(read(os.path.join(self.folder,
                                                 zone[:-1] + ".json")))
        except FileNotFoundError:
            return []
        found = value.get(kind.lower())
        return found["records"] + found["rrsigs"] if found else []

    def answer(self, query):
        question = query.question[0]
        zone = question.name.to_text().lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[zone, kind] += 1
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        for line in self.lines(zone, kind):
            _, ttl, _, what, rest = line.split(" ", 4)
            rdata = dns.rdata.from_text(dns.rdataclass.IN, what, rest)
            rrset = reply.find_rrset(
                reply.answer, question.name, dns.rdataclass.IN, rdata.rdtype,
                rdata.covers(), create=True)
            rrset.add(rdata, int(ttl))
        if self.spoil is not None:
            self.spoil(reply, sum(n for (asked, _), n in self.asked.items()
                                  if asked == zone))
        return reply


class Many:
    """An appliance with many zones, all with one KSK, and two providers: good,
    and one that is as its test wants it. Use as a context manager."""

    def __init__(self, count=DEFAULT):
        self.count = count
        self.stack = contextlib.ExitStack()
        self.dir = tempfile.mkdtemp(prefix="ksk-many.")
        self.stack.callback(shutil.rmtree, self.dir, True)

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def begin(self):
        self.a = self.stack.enter_context(ap.Appliance(name="many"))
        self.a.make()
        self.a.add_client("auto", "read, sign, journal")
        ksk = self.a.add_ksk(self.zone(0), "k")
        self.zsks = {name: ap.Zsk(self.path(name + ".zsk"), "x.test.")
                     for name in ("good", "other")}
        self.write_keymap(ksk)
        for i in range(self.count):
            self.a.add_zone(self.zone(i), ["k"], {
                name: ['{ds: "%s"}' % ap.ds_text(self.zone(i), zsk.rdata)]
                for name, zsk in self.zsks.items()})
            for name, zsk in self.zsks.items():
                write(self.path(f"{name}.{self.zone(i)}key"),
                      ap.dnskey_line(self.zone(i), zsk.rdata) + "\n")
        self.a.write_policy()
        self.a.start()
        os.mkdir(self.path("out"))
        self.good = self.serve(NameServer(self.path("out")))

    def serve(self, server):
        self.stack.callback(server.stop)
        return server

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    @staticmethod
    def zone(i):
        return f"z{i:04}.test."

    @property
    def zones(self):
        return [self.zone(i) for i in range(self.count)]

    def write_keymap(self, ksk):
        """As kskadm writes it, a line for each zone."""
        path = self.a.path("etc/keymap")
        word = next(x for x in read(path).splitlines()
                    if x.startswith("ksk ")).split(" ")
        lines = ""
        for zone in self.zones:
            word[1] = zone
            word[3:7] = ap.ds_text(zone, ksk).split()
            lines += " ".join(word) + "\n"
        with open(path, "w", encoding="ascii") as f:
            f.write(lines)

    def write_sync(self, servers, gather=None, deliver="{by: none}",
                   appliance=None, zones=None, **more):
        """servers, gather, deliver: of the other provider."""
        address = appliance or f"{ADDRESS}:{self.a.port}"
        write(self.path("kskctl.yaml"), f"""
key: "{self.a.path("auto.key")}"
certificate: "{self.a.path("auto.crt")}"
appliances:
  - address: "{address}"
    server-pins: ["{self.a.server_pin}"]
""")
        keys = {"profile": "kskctl.yaml", "timeout": "1s", "settle": "2s",
                **more}
        gather = gather or '{by: keys, files: ["other.%zkey"]}'
        listed = ", ".join(f'"{s}"' for s in servers)
        write(self.path("sync.yaml"), "".join(
            f"{k}: {v}\n" for k, v in keys.items()) + f"""
providers:
  - name: good
    servers: ["{self.good.address}"]
    gather: {{by: keys, files: ["good.%zkey"]}}
    deliver: {{by: exec, command: [sh, -c,
      "cat > out/%n.new && mv out/%n.new out/%n.json"]}}
  - name: other
    servers: [{listed}]
    gather: {gather}
    deliver: {deliver}
zones:
""" + "".join(f"  - {{name: {z}, providers: [good, other]}}\n"
              for z in zones or self.zones))

    def argv(self, verb, *more):
        return [os.path.join(ap.BUILD, "kskctl"), verb, *more,
                self.path("sync.yaml")]

    def run(self, verb, *more):
        return sh(*self.argv(verb, *more), check=False)

    def forget(self):
        """Nothing was delivered to the good one yet."""
        shutil.rmtree(self.path("out"))
        os.mkdir(self.path("out"))
        self.good.asked.clear()

    def delivered(self):
        return sorted(x for x in os.listdir(self.path("out"))
                      if x.endswith(".json"))
