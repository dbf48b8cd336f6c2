# SPDX-License-Identifier: BSD-2-Clause
"""A compromised child of kskd: a program that hands its control socket to the
test and waits, so that the test speaks to kskd and to the child's peers in its
place (appliance/base/packet.h). Shares no code with the product.
"""
import array
import os
import select
import shutil
import socket
import struct
import subprocess
import time

import appliance as ap

START, READY, LINK, PREPARE, PREPARED, COMMIT, ABORT, STOP, LOGIN = \
    0, 1, 2, 4, 5, 6, 8, 0xa, 0x13
REQUESTS, REPLIES, PINS = 0x20, 0x21, 0x23
KEYS_SET, KEYS_FOUND, SIGN, SIGNED = 0x30, 0x31, 0x32, 0x33
AUDIT_ASK, AUDIT_FOUND = 0x34, 0x35
DONE, REFUSED, FAILED = 0, 1, 2

PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	union { struct cmsghdr c; char room[CMSG_SPACE(sizeof(int))]; } u;
	struct iovec v = {.iov_base = "x", .iov_len = 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1,
		.msg_control = &u, .msg_controllen = sizeof u};
	char path[90];
	int bridge = socket(AF_UNIX, SOCK_STREAM, 0), control = 3;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n < 0)
		return 120;
	path[n] = 0;
	strcpy(strrchr(path, '/'), "/bridge");
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (connect(bridge, (struct sockaddr *)&to, sizeof to) != 0)
		return 121;
	memset(&u, 0, sizeof u);
	u.c.cmsg_level = SOL_SOCKET;
	u.c.cmsg_type = SCM_RIGHTS;
	u.c.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&u.c), &control, sizeof control);
	if (sendmsg(bridge, &m, 0) != 1)
		return 122;
	close(3);
	return read(bridge, path, 1) > 0 ? 1 : 0;
}
"""


def block(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">H", len(data)) + data


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        out, self.data = self.data[:n], self.data[n:]
        assert len(out) == n
        return out

    def num(self, n):
        return int.from_bytes(self.take(n), "big")

    def block(self):
        return self.take(self.num(2))


def request(conn, pin, frame):
    return struct.pack(">Q", conn) + pin + block(frame)


def signed(job, outcome, signature=b"", why=""):
    return struct.pack(">QB", job, outcome) + block(signature) + block(why)


def read_job(r):
    job = {"job": r.num(8), "slot": r.num(4), "revoked": r.num(1),
           "window": (r.num(8), r.num(8)), "owner": r.block(),
           "type": r.num(2), "ttl": r.num(4)}
    job["keys"] = [r.block() for _ in range(r.num(2))]
    return job


class Life:
    """One life of the child: from its start to the day it is closed."""

    def __init__(self, bridge):
        self.bridge = bridge
        _, fds, _, _ = socket.recv_fds(bridge, 1, 1)
        self.control = socket.socket(fileno=fds[0])
        self.control.setblocking(True)
        self.control.settimeout(20 * ap.SLOW)
        self.link = None
        number, self.start, self.fds = self.packet(self.control)
        assert number == START, number

    @staticmethod
    def packet(sock):
        data, fds, _, _ = socket.recv_fds(sock, 70000, 4)
        if not data:
            raise EOFError
        return struct.unpack(">H", data[:2])[0], data[2:], fds

    def tell(self, number, body=b""):
        self.control.send(struct.pack(">H", number) + body)

    def wait_link(self):
        """Obeys kskd until a new link is there."""
        while True:
            number, body, fds = self.packet(self.control)
            if number == LINK:
                if self.link is not None:
                    self.link.close()
                self.link = socket.socket(fileno=fds[0])
                self.link.setblocking(True)
                self.link.settimeout(10 * ap.SLOW)
                return self
            self.obey(number, body, fds)

    def obey(self, number, body, fds):
        for fd in fds:
            os.close(fd)
        if number == PREPARE:
            self.tell(PREPARED, body[:4] + b"\1" + block(""))
        if number == STOP:
            self.close()

    def send(self, number, body=b"", fds=()):
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                  array.array("i", fds))] if fds else []
        self.link.sendmsg([struct.pack(">H", number) + body], extra)

    def receive(self):
        number, body, _ = self.packet(self.link)
        if number == AUDIT_ASK:     # no audit key here
            self.send(AUDIT_FOUND, block("") + block("none"))
            return self.receive()
        return number, Reader(body)

    def is_cut(self, seconds=5):
        """True once the peer has ended the link."""
        end = time.monotonic() + seconds * ap.SLOW
        while time.monotonic() < end:
            if select.select([self.link], [], [], 0.2)[0]:
                try:
                    if not self.link.recv(70000):
                        return True
                except ConnectionError:
                    return True
        return False

    def close(self):
        for sock in (self.control, self.link, self.bridge):
            if sock is not None:
                sock.close()


class House(ap.Appliance):
    """An appliance in which one program is an impostor."""

    def take_over(self, program):
        folder = self.path("bin")
        os.mkdir(folder, 0o755)
        for name in ("kskd", "kskd-frontend", "kskd-signer", "kskd-policy",
                     "kskd-token", "kskadm", "kskctl"):
            shutil.copy(os.path.join(self.build, name), folder)
        os.unlink(os.path.join(folder, program))
        subprocess.run(["cc", "-x", "c", "-O1", "-o",
                        os.path.join(folder, program), "-"],
                       input=PROGRAM.encode(), check=True)
        self.build, self.lives = folder, []
        self.bridge = socket.socket(socket.AF_UNIX)
        self.bridge.bind(os.path.join(folder, "bridge"))
        os.chmod(os.path.join(folder, "bridge"), 0o777)
        self.bridge.listen()
        self.bridge.settimeout(10 * ap.SLOW)

    def next_life(self):
        self.lives.append(Life(self.bridge.accept()[0]))
        return self.lives[-1]

    def stop(self, check=True, seconds=10):
        for life in getattr(self, "lives", []):
            life.close()
        return super().stop(check, seconds)
