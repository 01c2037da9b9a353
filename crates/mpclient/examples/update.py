#!/usr/bin/env python3
"""update.py: updates the definitions, in Python, with ctypes alone.

    update.py                          start it, say how far it is, wait for its end
    update.py --cancel-after SECONDS   cancel it if it takes longer

Ctrl-C cancels too. The library is libmpclient.so.1 where the loader finds it, or the file that
MPCLIENT_LIBRARY names. Exits with 0 when the definitions are current, 1 when the update has failed or
was cancelled.
"""

import argparse
import ctypes
import os
import sys
import threading

S_FALSE = 1
MPUPDATE_OPTION_ASYNC = 0x1
MPUPDATE_OPTION_PROGRESS = 0x2
MPCONTROL_ABORT = 0
MPCALLBACK_SIGUPDATE = 6
# MPNOTIFY_SIGUPDATE_*, as in MpClient.h.
SEARCH_START = 0x8002
DOWNLOAD_PROGRESS = 0x8006
INSTALL_PROGRESS = 0x8009
COMPLETE = 0x800D

HRESULT = ctypes.c_int32
MPHANDLE = ctypes.c_void_p
# UTF-16; ctypes' own wide strings have another width on most systems.
LPWSTR = ctypes.POINTER(ctypes.c_uint16)


class SigUpdateData(ctypes.Structure):
    """MPSIGUPDATE_DATA"""

    _fields_ = [
        ("percent", ctypes.c_uint32),
        ("total", ctypes.c_uint32),
        ("index", ctypes.c_uint32),
        ("source", ctypes.c_int32),
        ("stage", ctypes.c_int32),
        ("path", LPWSTR),
    ]


class CallbackData(ctypes.Structure):
    """MPCALLBACK_DATA; of its union only the pointer that updates use."""

    _fields_ = [
        ("notify", ctypes.c_int32),
        ("result", HRESULT),
        ("time", ctypes.c_uint64),
        ("type", ctypes.c_int32),
        ("update", ctypes.POINTER(SigUpdateData)),
    ]


Handler = ctypes.CFUNCTYPE(HRESULT, ctypes.c_void_p, ctypes.POINTER(CallbackData))


class CallbackInfo(ctypes.Structure):
    """MPCALLBACK_INFO"""

    _fields_ = [("handler", Handler), ("context", ctypes.c_void_p)]


class Failure(Exception):
    """A failed call, with its code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code & 0xFFFFFFFF


def text_of(pointer):
    """Copies UTF-16 text."""
    units = []
    while pointer[len(units)]:
        units.append(pointer[len(units)])
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "replace")


def load():
    """Loads the library and says what its functions take; they all give an HRESULT but one."""
    library = ctypes.CDLL(os.environ.get("MPCLIENT_LIBRARY", "libmpclient.so.1"))
    out = ctypes.POINTER(MPHANDLE)
    for name, arguments in {
        "MpManagerOpen": [ctypes.c_uint32, out],
        "MpHandleClose": [MPHANDLE],
        "MpUpdateStart": [MPHANDLE, ctypes.c_uint32, ctypes.POINTER(CallbackInfo), out],
        "MpUpdateControl": [MPHANDLE, ctypes.c_int32],
        "MpErrorMessageFormat": [MPHANDLE, HRESULT, ctypes.POINTER(LPWSTR)],
        "MpFreeMemory": [ctypes.c_void_p],
    }.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, HRESULT
    library.MpFreeMemory.restype = None
    return library


class Manager:
    """The manager, for a `with` block, which closes it."""

    def __init__(self, library):
        self.functions = library
        self.handle = MPHANDLE()

    def __enter__(self):
        self.check(self.functions.MpManagerOpen(0, ctypes.byref(self.handle)))
        return self

    def __exit__(self, *_):
        self.functions.MpHandleClose(self.handle)

    def check(self, code):
        """Gives the code back, or raises what it means."""
        if code >= 0:
            return code
        text, message = LPWSTR(), "no text"
        if self.functions.MpErrorMessageFormat(self.handle, code, ctypes.byref(text)) >= 0:
            message = text_of(text)
            self.functions.MpFreeMemory(text)
        raise Failure(code, message)


class Update:
    """A running update, for a `with` block, which closes it."""

    def __init__(self, manager, tell):
        self.manager, self.tell = manager, tell
        self.handle = MPHANDLE()
        self.ended, self.code = threading.Event(), None
        # The library copies this, but not the function behind it: Python must keep that alive until
        # MpHandleClose has returned, so it is a member.
        self.callback = CallbackInfo(Handler(self._called), None)

    def __enter__(self):
        # The library calls back on a thread of its own; ctypes takes care of the interpreter's lock.
        options = MPUPDATE_OPTION_ASYNC | MPUPDATE_OPTION_PROGRESS
        start = self.manager.functions.MpUpdateStart
        self.manager.check(start(self.manager.handle, options, ctypes.byref(self.callback), ctypes.byref(self.handle)))
        return self

    def __exit__(self, *_):
        self.manager.functions.MpHandleClose(self.handle)

    def _called(self, _context, pointer):
        # What the pointer leads to is gone when this returns.
        data = pointer.contents
        if data.type == MPCALLBACK_SIGUPDATE:
            step = data.update.contents
            self.tell(data.notify, step.percent, text_of(step.path))
            if data.notify == COMPLETE:  # the last one
                self.code = data.result
                self.ended.set()
        return 0

    def abort(self):
        """Cancels it. This returns at once; the end comes as always."""
        self.manager.functions.MpUpdateControl(self.handle, MPCONTROL_ABORT)

    def wait(self, seconds=None):
        """Waits for its end, and cancels it after so many seconds or by Ctrl-C."""
        try:
            in_time = self.ended.wait(seconds)
        except KeyboardInterrupt:
            in_time = False
        if not in_time:
            self.abort()
            self.ended.wait()
        return self.manager.check(self.code)


def show(notify, percent, path):
    """Prints a step of the update."""
    if notify == SEARCH_START:
        print("searching", path, flush=True)
    elif notify == DOWNLOAD_PROGRESS:
        print("downloading", percent, "%", flush=True)
    elif notify == INSTALL_PROGRESS:
        print("installing", percent, "%", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Updates the definitions.")
    parser.add_argument("--cancel-after", type=float, metavar="SECONDS", help="cancel it if it takes longer")
    arguments = parser.parse_args()
    try:
        with Manager(load()) as manager, Update(manager, show) as update:
            code = update.wait(arguments.cancel_after)
    except Failure as failure:
        print(f"failed: 0x{failure.code:08X} {failure}")
        return 1
    print("nothing was needed" if code == S_FALSE else "updated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
