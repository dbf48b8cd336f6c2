#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A resource manager for swtpm, as /dev/tpmrm0 is one for a real TPM: what a
process has put into the TPM goes when the process is gone. Without it each
killed worker leaves handles behind, and after three of them the TPM is full.

    tpm_manager.py SOCKET RAW

SOCKET is where the TPM's users connect (the TCTI's `swtpm:path=`, which opens
one connection per command), RAW where swtpm listens. What the kernel's manager
does besides, swapping the objects of several users, this one does not: the
TPM's three places are for one user at a time.
"""
import contextlib
import os
import selectors
import socket
import struct
import sys

NO_SESSIONS = 0x8001
FLUSH = 0x165
# Commands that answer with a new handle: CreatePrimary, CreateLoaded, Load,
# LoadExternal, ContextLoad, StartAuthSession, HashSequenceStart, HMAC_Start.
MAKES = {0x131, 0x191, 0x157, 0x167, 0x161, 0x176, 0x186, 0x15b}


def read(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def packet(sock):
    """One command or answer: tag, length of the whole, code, the rest."""
    head = read(sock, 10)
    return head + read(sock, struct.unpack(">HII", head)[1] - 10)


def ask(raw, command):
    with socket.socket(socket.AF_UNIX) as tpm:
        tpm.connect(raw)
        tpm.sendall(command)
        return packet(tpm)


class Users:
    """Processes, as descriptors that tell of their end, and their handles."""

    def __init__(self, raw):
        self.raw, self.fds, self.handles = raw, {}, {}

    def seen(self, pid):
        if pid not in self.fds:
            with contextlib.suppress(ProcessLookupError):
                self.fds[pid] = os.pidfd_open(pid)
            self.handles.setdefault(pid, set())

    def drop(self, handle):
        for handles in self.handles.values():
            handles.discard(handle)

    def note(self, pid, command, answer):
        code, = struct.unpack(">I", command[6:10])
        if struct.unpack(">I", answer[6:10])[0] != 0:
            return
        if code == FLUSH:
            self.drop(command[10:14])
        elif code in MAKES:
            self.drop(answer[10:14])
            self.handles[pid].add(answer[10:14])

    def reap(self):
        """Frees what the dead have left."""
        with selectors.DefaultSelector() as poll:
            for pid, fd in self.fds.items():
                poll.register(fd, selectors.EVENT_READ, pid)
            dead = {key.data for key, _ in poll.select(0)}
        for pid in [p for p in self.handles
                    if p in dead or p not in self.fds]:
            for handle in self.handles.pop(pid):
                ask(self.raw, struct.pack(">HII", NO_SESSIONS, 14, FLUSH) +
                    handle)
            if pid in self.fds:
                os.close(self.fds.pop(pid))


def serve(users, client):
    pid, = struct.unpack("iII", client.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[:1]
    client.settimeout(10)
    users.seen(pid)
    while True:
        command = packet(client)
        users.reap()
        users.seen(pid)
        answer = ask(users.raw, command)
        users.note(pid, command, answer)
        client.sendall(answer)


def main():
    path, raw = sys.argv[1:]
    users = Users(raw)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            # A user that dies, or a TPM that is away, ends one connection.
            with client, contextlib.suppress(EOFError, OSError):
                serve(users, client)


if __name__ == "__main__":
    main()
