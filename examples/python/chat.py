"""A client in Python, by gRPC: user 1 makes a room, user 2 follows the stream, user 1 writes, user 2 sees it.

Ends with 0 only when that happened. The package services.chat.v1 is made from the proto files by grpc_tools; run does both.
"""

import os
import sys
import uuid

import grpc
from services.chat.v1 import service_pb2_grpc, types_pb2

CONTENT = "hello from Python"
TIMEOUT_S = 30


def main() -> None:
    # gRPC wants host:port. The service has no TLS of its own; in production this is a secure_channel to what stands before it.
    target = os.environ.get("CHAT_URL", "http://127.0.0.1:8080").removeprefix("http://")
    with grpc.insecure_channel(target) as channel:
        converse(service_pb2_grpc.ChatServiceStub(channel))


def converse(chat: service_pb2_grpc.ChatServiceStub) -> None:
    ana = caller("CHAT_TOKEN_1")
    ben = caller("CHAT_TOKEN_2")

    # 1. A group of users 1 and 2. Whoever creates it is a member anyway.
    request = types_pb2.CreateRoomRequest(type="group", name="From Python", participants=[2])
    room = chat.CreateRoom(request, metadata=ana, timeout=TIMEOUT_S).room.id
    print("room", room)

    # 2. The stream of user 2. "connected" says that it is open: nothing that happens from now on is missed. Before it comes what
    #    happened since this installation was last here; after a broken connection give StreamMessagesRequest the last cursor.
    events = chat.StreamMessages(types_pb2.StreamMessagesRequest(), metadata=ben, timeout=TIMEOUT_S)
    wait_for(events, lambda event: event.connected)

    # 3. A message. The id is made once for each message, so that it can be sent again when the answer gets lost: it is stored once.
    #    Real clients encrypt the content (docs/encryption.md); the service stores and delivers any text as it is.
    request = types_pb2.SendMessageRequest(room_id=room, content=CONTENT, sender_message_id=str(uuid.uuid4()))
    sent = chat.SendMessage(request, metadata=ana, timeout=TIMEOUT_S)
    print("sent as number", sent.message.sequence, "of the room")

    # 4. User 2 sees it, after a few other events: that he was added to the room, and what the room says of that.
    wait_for(events, lambda event: event.room_id == room and event.message.content == CONTENT)
    print("user 2 saw:", CONTENT)
    events.cancel()


def wait_for(events, wanted) -> None:
    """Reads events until one is what is asked for. A stream that breaks raises a grpc.RpcError."""
    if not any(wanted(event) for event in events):
        sys.exit("the stream ended")


def caller(variable: str) -> list[tuple[str, str]]:
    """Says with a call who asks.

    x-client-id names this installation: the service keeps its place in the stream, and a newer stream with the same name ends the older one.
    """
    return [("authorization", f"Bearer {os.environ[variable]}"), ("x-client-id", "example-python")]


if __name__ == "__main__":
    main()
