#!/usr/bin/env bash
# gRPC without code: buf asks the service for its descriptions (reflection), so no proto file is needed. User 1 makes a room, user 2 follows
# the stream, user 1 writes, user 2 sees it. Ends with 0 only when that happened. docs/grpc.md has more.
set -euo pipefail

# buf comes with "npm ci" of this project.
PATH="$(dirname "${BASH_SOURCE[0]}")/../../node_modules/.bin:$PATH"

# npm makes tokens for a service in development; in production they are those of your application (docs/your-users.md).
url="${CHAT_URL:-http://127.0.0.1:8080}"
token_1="${CHAT_TOKEN_1:-$(npm run -s token -- 1)}"
token_2="${CHAT_TOKEN_2:-$(npm run -s token -- 2)}"

# call TOKEN METHOD JSON: calls a method of the chat, and prints each answer as one line of JSON. The service has no TLS of its own, so
# HTTP/2 begins without negotiation. In production, where reflection is off by default, `--schema proto` takes the place of asking.
call() {
  timeout 30 buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $1" -H 'X-Client-Id: example-buf' \
    -d "$3" "$url/services.chat.v1.ChatService/$2" | jq -c --unbuffered .
}

# 1. A group of users 1 and 2. Whoever creates it is a member anyway.
room="$(call "$token_1" CreateRoom '{"type": "group", "name": "From buf", "participants": [2]}' | jq -r .room.id)"
echo "room $room"

# 2. The stream of user 2, on a file descriptor of its own. X-Client-Id names this installation: the service keeps its place, and a newer
#    stream with the same name ends the older one.
exec {events}< <(call "$token_2" StreamMessages '{}')
stream=$!
# SIGHUP, as when the terminal is closed: buf would report others as an error.
trap 'pkill -HUP -P "$stream" || true' EXIT

# await FILTER: reads events until jq's filter is true of one.
await() {
  local event
  while IFS= read -r -t 20 -u "$events" event; do
    if jq -e "$@" >/dev/null <<<"$event"; then return; fi
  done
  echo 'the stream ended, or nothing came for 20 seconds' >&2
  return 1
}

# "connected" says that the stream is open: nothing that happens from now on is missed. Before it comes what happened since this
# installation was last here.
await .connected

# 3. A message. senderMessageId is made once for each message, so that it can be sent again when the answer gets lost: it is stored once.
#    Real clients encrypt the content (docs/encryption.md); the service stores and delivers any text as it is.
content='hello from buf'
message="$(jq -n --arg room "$room" --arg content "$content" --arg id "buf-$$-$RANDOM" \
  '{roomId: $room, content: $content, senderMessageId: $id}')"
call "$token_1" SendMessage "$message" | jq -r '"sent as number \(.message.sequence) of the room"'

# 4. User 2 sees it, after a few other events: that he was added to the room, and what the room says of that.
# shellcheck disable=SC2016 # $room and $content are jq's.
await --arg room "$room" --arg content "$content" '.roomId == $room and .message.content == $content'
echo "user 2 saw: $content"
