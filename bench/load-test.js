/**
 * The load test for k6: 100 virtual users for 30 s over plain HTTP and JSON. Each of them has a room, sends to it and reads it.
 *
 *   TOKEN="$(npm run -s token -- 1)" k6 run bench/load-test.js
 *
 * TOKEN is a user's token, BASE_URL where the service is (http://127.0.0.1:8080), MEMBER another user's id (2), VUS and DURATION how many
 * and how long. A hundred who share one token go beyond the limits of a user: start the service with RATE_LIMIT_USER_PER_MINUTE=0 and
 * RATE_LIMIT_ROOMS_PER_MINUTE=0.
 */
import { check, sleep } from 'k6';
import http from 'k6/http';

const BASE_URL = __ENV.BASE_URL || 'http://127.0.0.1:8080';
/** Of a virtual user, between two rounds. */
const PAUSE_SECONDS = 1;
/** Ciphertext is base64; its content is nothing to the service. */
const CONTENT = 'bG9hZCB0ZXN0IG1lc3NhZ2Ug'.repeat(12);

export const options = {
  vus: Number(__ENV.VUS || 100),
  duration: __ENV.DURATION || '30s',
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    'http_req_duration{call:SendMessage}': ['p(99)<500'],
    'http_req_duration{call:GetMessageHistory}': ['p(99)<500'],
  },
};

/** The room of this virtual user; every one of them has a copy of this script. */
let roomId;

/** Ends the run before it begins when the service or the token is not there. */
export function setup() {
  if (!__ENV.TOKEN)
    throw new Error('TOKEN is missing: TOKEN="$(npm run -s token -- 1)" k6 run bench/load-test.js');
  const answer = call('GetRooms', { limit: 1 });
  if (answer.status !== 200) throw new Error(`the service at ${BASE_URL} answers ${answer.status}`);
}

export default function () {
  roomId = roomId || createRoom();
  if (roomId === undefined) return sleep(PAUSE_SECONDS);
  const senderMessageId = `k6-${__VU}-${__ITER}-${Date.now()}`;
  const sent = call('SendMessage', { roomId, content: CONTENT, senderMessageId });
  check(sent, { 'the message is stored': ({ status }) => status === 200 });
  const read = call('GetMessageHistory', { id: roomId, page: 1, limit: 20 });
  check(read, {
    'the newest message is the one just sent': ({ status }) =>
      status === 200 && read.json('items.0.senderMessageId') === senderMessageId,
  });
  check(call('GetRooms', { page: 1, limit: 20 }), { 'the rooms are listed': ({ status }) => status === 200 });
  sleep(PAUSE_SECONDS);
}

function createRoom() {
  const made = call('CreateRoom', {
    type: 'group',
    name: `k6 ${__VU}`,
    participants: [Number(__ENV.MEMBER || 2)],
  });
  check(made, { 'the room is made': ({ status }) => status === 200 });
  return made.status === 200 ? made.json('room.id') : undefined;
}

function call(method, body) {
  return http.post(`${BASE_URL}/services.chat.v1.ChatService/${method}`, JSON.stringify(body), {
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${__ENV.TOKEN}` },
    tags: { call: method, name: method },
    timeout: '10s',
  });
}
