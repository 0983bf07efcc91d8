#!/usr/bin/env python3
"""A Linphone without a window: liblinphone 5.1 driven by lines, telling what happens in lines of JSON.

Usage: linphone.py LINPHONERC
Standard input: message URI TEXT | compose URI | read URI | quit
Standard output, one object a line, its "event" one of
  registration  state
  sent          id, state
  received      id, from, type, text
  composing     from, active
"""
import ctypes
import json
import os
import select
import sys
import time

library = ctypes.CDLL("liblinphone.so.10")
POINTER, STRING, INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int


def function(name, result, *arguments):
    """A function of the library's C interface."""
    found = getattr(library, "linphone_" + name)
    found.restype, found.argtypes = result, list(arguments)
    return found


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}, ensure_ascii=False), flush=True)


def text(value):
    return value.decode(errors="replace") if value else None


def state(names, number):
    names = names.split()
    return names[number] if number < len(names) else str(number)


address_text = function("address_as_string_uri_only", STRING, POINTER)
message_id = function("chat_message_get_message_id", STRING, POINTER)
message_type = function("chat_message_get_content_type", STRING, POINTER)
message_text = function("chat_message_get_utf8_text", STRING, POINTER)
message_from = function("chat_message_get_from_address", POINTER, POINTER)
room_peer = function("chat_room_get_peer_address", POINTER, POINTER)
room_composing = function("chat_room_is_remote_composing", ctypes.c_ubyte, POINTER)


@ctypes.CFUNCTYPE(None, POINTER, POINTER, POINTER)
def on_message(_core, _room, message):
    tell(
        "received",
        id=text(message_id(message)),
        **{"from": text(address_text(message_from(message)))},
        type=text(message_type(message)),
        text=text(message_text(message)),
    )


@ctypes.CFUNCTYPE(None, POINTER, POINTER)
def on_composing(_core, room):
    peer = text(address_text(room_peer(room)))
    tell("composing", **{"from": peer}, active=bool(room_composing(room)))


@ctypes.CFUNCTYPE(None, POINTER, POINTER, INT, STRING)
def on_registration(_core, _account, number, _reason):
    tell("registration", state=state("None Progress Ok Cleared Failed", number))


SENT = (
    "Idle InProgress Delivered NotDelivered FileTransferError FileTransferDone DeliveredToUser Displayed"
    " FileTransferInProgress PendingDelivery"
)


@ctypes.CFUNCTYPE(None, POINTER, INT)
def on_sent(message, number):
    tell("sent", id=text(message_id(message)), state=state(SENT, number))


factory = function("factory_get", POINTER)()
core = function("factory_create_core_3", POINTER, POINTER, STRING, STRING, POINTER)(
    factory, sys.argv[1].encode(), None, None
)
callbacks = function("factory_create_core_cbs", POINTER, POINTER)(factory)
for name, callback in [
    ("message_received", on_message),
    ("is_composing_received", on_composing),
    ("registration_state_changed", on_registration),
]:
    setter = function("core_cbs_set_" + name, None, POINTER, type(callback))
    setter(callbacks, callback)
function("core_add_callbacks", None, POINTER, POINTER)(core, callbacks)
function("core_start", INT, POINTER)(core)
iterate = function("core_iterate", None, POINTER)
room_of = function("core_get_chat_room_from_uri", POINTER, POINTER, STRING)


def send(room, words):
    message = function("chat_room_create_message_from_utf8", POINTER, POINTER, STRING)(room, words)
    watch = function("factory_create_chat_message_cbs", POINTER, POINTER)(factory)
    function("chat_message_cbs_set_msg_state_changed", None, POINTER, type(on_sent))(watch, on_sent)
    function("chat_message_add_callbacks", None, POINTER, POINTER)(message, watch)
    function("chat_message_send", None, POINTER)(message)


def obey(line):
    command, _, rest = line.partition(" ")
    if command == "quit":
        return False
    uri, _, words = rest.partition(" ")
    room = room_of(core, uri.encode())
    if command == "message":
        send(room, words.encode())
    elif command == "compose":
        function("chat_room_compose", None, POINTER)(room)
    elif command == "read":
        function("chat_room_mark_as_read", None, POINTER)(room)
    return True


waiting, running = b"", True
while running:
    iterate(core)
    ready, _, _ = select.select([0], [], [], 0.01)
    if not ready:
        continue
    read = os.read(0, 65536)
    if not read:
        break
    waiting += read
    while running and b"\n" in waiting:
        line, waiting = waiting.split(b"\n", 1)
        running = obey(line.decode())
# What is still on its way may leave.
end = time.monotonic() + 0.5
while time.monotonic() < end:
    iterate(core)
    time.sleep(0.01)
function("core_stop", None, POINTER)(core)
