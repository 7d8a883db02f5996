# SPDX-License-Identifier: GPL-2.0-only
"""For gdb.bats: make gdb lose its connection when the timeline has the first bind()."""
import os
import socket
import threading
import time


def disconnect():
    while not os.path.exists("timeline.jsonl") or "xsk_bind" not in open("timeline.jsonl").read():
        time.sleep(0.01)
    for fd in os.listdir("/proc/self/fd"):
        if "socket:" in os.path.realpath(f"/proc/self/fd/{fd}"):
            socket.fromfd(int(fd), socket.AF_UNIX, socket.SOCK_STREAM).shutdown(socket.SHUT_RDWR)


threading.Thread(target=disconnect, daemon=True).start()
