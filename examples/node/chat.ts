/**
 * The client of this project in Node, with encryption: user 1 makes a room, user 2 follows his events, user 1 writes, user 2 reads it.
 * Ends with 0 only when that happened. docs/client.md describes the client.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
// 'connect-chat/client' in an application that has the package.
import {
  type ChatClient,
  createChatClient,
  createRoomCiphers,
  type RoomCipher,
} from '../../src/client/client.ts';

const { env } = process;
const CONTENT = 'hello from Node';

const ana = connect('1', env.CHAT_TOKEN_1);
const ben = connect('2', env.CHAT_TOKEN_2);
const ciphers = createRoomCiphers(masterKey());
try {
  // 1. A group of users 1 and 2. Whoever creates it is a member anyway.
  const { room } = await ana.rpc.createRoom({ type: 'group', name: 'From Node', participants: [2] });
  if (room === undefined) throw new Error('no room in the answer');
  console.log(`room ${room.id}`);
  // Everybody in the room gets the same key of it, and opens that with the master key.
  const cipher = await ciphers.open(room.encryptionData);

  // 2. to 4. Each side runs by itself; the message is sent when the other side is known to listen.
  const listening = Promise.withResolvers<void>();
  const seeing = see(ben, room.id, cipher, listening.resolve);
  await Promise.race([listening.promise, seeing]);
  const sent = await ana.send(room.id, await cipher.encrypt(CONTENT));
  console.log(`sent as number ${sent.sequence} of the room`);
  await seeing;
  console.log(`user 2 saw: ${CONTENT}`);
} finally {
  ana.close();
  ben.close();
}

/** Reads events of the room until the message comes; leaving the loop ends the stream. Comes back by itself when the connection breaks. */
async function see(
  client: ChatClient,
  roomId: string,
  cipher: RoomCipher,
  online: () => void,
): Promise<void> {
  for await (const one of client.events({ roomId, signal: AbortSignal.timeout(20_000) })) {
    if (one.type === 'status' && one.status === 'online') online();
    if (one.type !== 'event' || one.event.roomId !== roomId) continue;
    const { event } = one.event;
    // The room itself writes, too (a system message about who came), and does not encrypt that.
    if (event.case !== 'message' || event.value.type !== 'user_message') continue;
    if ((await cipher.decrypt(event.value.content)) === CONTENT) return;
  }
  throw new Error('nothing came for 20 seconds');
}

/** In an application `token` asks the backend; the client calls it again when the token has expired (docs/your-users.md). */
function connect(user: string, token = npmToken(user)): ChatClient {
  const baseUrl = env.CHAT_URL ?? 'http://127.0.0.1:8080';
  return createChatClient({ baseUrl, token, clientId: 'example-node' });
}

/** npm makes tokens for a service in development. */
function npmToken(user: string): string {
  return execFileSync('npm', ['run', '-s', 'token', '--', user], { encoding: 'utf8' }).trim();
}

/** Service and clients share it: by settings in production, in the folder of its data in development (docs/encryption.md). */
function masterKey(): { readonly key: string; readonly iv: string } {
  const { CHAT_KEY: key, CHAT_IV: iv, DATA_DIR = '.data' } = env;
  if (key !== undefined && iv !== undefined) return { key, iv };
  const { chatKey, chatIv } = JSON.parse(readFileSync(`${DATA_DIR}/secrets.json`, 'utf8'));
  return { key: chatKey, iv: chatIv };
}
