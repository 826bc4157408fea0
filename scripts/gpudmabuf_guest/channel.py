# SPDX-License-Identifier: MIT
"""The ports between host and guest."""

import json
import selectors
import socket
import threading
import time


class Ports:
    """Socket pairs whose far ends QEMU inherits.

    A thread reads all of them all the time: a guest that writes to a port that
    nobody reads spins in its kernel.
    """

    def __init__(self, names):
        self._pairs = {name: socket.socketpair() for name in names}
        self._data = {name: bytearray() for name in names}
        self._open = set(names)
        self._sinks = {}
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def far_ends(self):
        """Map names to the descriptors that QEMU is to inherit."""
        return {name: pair[1].fileno() for name, pair in self._pairs.items()}

    def start(self):
        """QEMU has its ends: begin to read ours."""
        for _, far in self._pairs.values():
            far.close()
        self._thread.start()

    def close(self):
        for near, far in self._pairs.values():
            far.close()
            try:
                near.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if self._thread.ident:
            self._thread.join()
        for near, _ in self._pairs.values():
            near.close()

    def _read(self):
        poll = selectors.DefaultSelector()
        for name, (near, _) in self._pairs.items():
            poll.register(near, selectors.EVENT_READ, name)
        while poll.get_map():
            for key, _ in poll.select():
                try:
                    data = key.fileobj.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    poll.unregister(key.fileobj)
                self._arrived(key.data, data)

    def _arrived(self, name, data):
        with self._changed:
            if not data:
                self._open.discard(name)
            self._data[name] += data
            sink = self._sinks.get(name)
            if sink:
                sink(self._data[name])
            self._changed.notify_all()

    def send(self, name, line):
        try:
            self._pairs[name][0].sendall(line.encode() + b"\n")
        except OSError:
            with self._changed:
                self._open.discard(name)

    def wait(self, name, mark, deadline):
        """Take what came on a port up to mark, and the mark.

        Returns None past the deadline and raises EOFError when the port was
        closed without it.
        """
        with self._changed:
            while True:
                data = self._data[name]
                found = data.find(mark)
                if found >= 0:
                    taken = bytes(data[:found])
                    del data[:found + len(mark)]
                    return taken
                if name not in self._open:
                    raise EOFError(name)
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)

    def take(self, name):
        """Take all that came on a port so far."""
        with self._changed:
            data = bytes(self._data[name])
            self._data[name].clear()
            return data

    def set_sink(self, name, sink):
        """Have sink(buffer) called on arrival; it may consume the buffer."""
        with self._changed:
            if sink:
                self._sinks[name] = sink
                sink(self._data[name])
            else:
                self._sinks.pop(name, None)


class Qmp:
    """QEMU's machine protocol on the port "qmp"."""

    def __init__(self, ports):
        self._ports = ports
        self._ready = False
        self._lock = threading.Lock()
        self.events = []

    def __call__(self, command, timeout=30, **arguments):
        """Run a command and return its answer; events go to self.events."""
        with self._lock:
            if not self._ready:
                self._ready = True
                self._exchange("qmp_capabilities", {}, timeout)
            return self._exchange(command, arguments, timeout)

    def _exchange(self, command, arguments, timeout):
        self._ports.send("qmp", json.dumps({"execute": command,
                                            "arguments": arguments}))
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline)
            if message is None:
                raise TimeoutError(f"QMP {command}")
            if "error" in message:
                raise RuntimeError(f"QMP {command}: {message['error']}")
            if "return" in message:
                return message["return"]

    def _next(self, deadline):
        line = self._ports.wait("qmp", b"\n", deadline)
        if line is None:
            return None
        message = json.loads(line)
        if "event" in message:
            self.events.append(message)
        return message

    def wait_event(self, name, timeout=30):
        """Wait for an event, also one that came before, and return it."""
        deadline = time.monotonic() + timeout
        with self._lock:
            while True:
                for event in self.events:
                    if event["event"] == name:
                        self.events.remove(event)
                        return event
                if self._next(deadline) is None:
                    raise TimeoutError(f"QMP event {name}")
