#!/usr/bin/env bash
# REST with nothing but curl and jq: user 1 makes a room, user 2 follows it as Server-Sent Events, user 1 writes, user 2 sees it.
# Ends with 0 only when that happened. docs/rest.md describes the routes.
set -euo pipefail

# npm makes tokens for a service in development; in production they are those of your application (docs/your-users.md).
url="${CHAT_URL:-http://127.0.0.1:8080}"
token_1="${CHAT_TOKEN_1:-$(npm run -s token -- 1)}"
token_2="${CHAT_TOKEN_2:-$(npm run -s token -- 2)}"

# post TOKEN ROUTE JSON: calls a route and prints the "data" of the envelope around each answer.
post() {
  curl -sS --fail-with-body --max-time 20 "$url/api/chat/v1/$2" \
    -H "Authorization: Bearer $1" -H 'Content-Type: application/json' -d "$3" | jq -c .data
}

# 1. A group of users 1 and 2. Whoever creates it is a member anyway.
room="$(post "$token_1" room/create '{"type": "group", "name": "From curl", "participants": [2]}' | jq -r .room.id)"
echo "room $room"

# 2. The stream of user 2, on a file descriptor of its own. -N shows each event when it comes. X-Client-Id names this installation: the
#    service keeps its place, and a newer stream with the same name ends the older one.
exec {events}< <(exec curl -sSNf --max-time 30 "$url/api/chat/v1/stream" \
  -H "Authorization: Bearer $token_2" -H 'X-Client-Id: example-curl')
stream=$!
trap 'kill "$stream" 2>/dev/null || true' EXIT

# await FILTER: reads events until jq's filter is true of one. Lines without "data: " are its id (the cursor, for Last-Event-ID) or blank.
await() {
  local line
  while IFS= read -r -t 20 -u "$events" line; do
    case "$line" in 'data: '*) if jq -e "$@" >/dev/null <<<"${line#data: }"; then return; fi ;; esac
  done
  echo 'the stream ended, or nothing came for 20 seconds' >&2
  return 1
}

# "connected" says that the stream is open: nothing that happens from now on is missed. Before it comes what happened since this
# installation was last here.
await .connected

# 3. A message. senderMessageId is made once for each message, so that it can be sent again when the answer gets lost: it is stored once.
#    Real clients encrypt the content (docs/encryption.md); the service stores and delivers any text as it is.
content='hello from curl'
message="$(jq -n --arg room "$room" --arg content "$content" --arg id "curl-$$-$RANDOM" \
  '{roomId: $room, content: $content, senderMessageId: $id}')"
post "$token_1" send "$message" | jq -r '"sent as number \(.message.sequence) of the room"'

# 4. User 2 sees it, after a few other events: that he was added to the room, and what the room says of that.
# shellcheck disable=SC2016 # $room and $content are jq's.
await --arg room "$room" --arg content "$content" '.roomId == $room and .message.content == $content'
echo "user 2 saw: $content"
