import { z } from 'zod';
import { createRoomCiphers } from '../../src/client/client.ts';
import { chatClient, startTestApp, type TestApp } from './app.ts';

/** Starts a service with the demo users 1 to 8 and the web chat. */
export async function startDemoApp(): Promise<TestApp> {
  return await startTestApp({ users: 0, env: { DEMO_DATA: 'true' } });
}

/** A room to be made, and what was said in it. */
export interface SeededRoom {
  readonly type: 'p2p' | 'group' | 'channel';
  readonly name: string;
  /** The owner first. */
  readonly members: readonly [number, ...number[]];
  /** False: only owner and admins write. */
  readonly sendMessage?: boolean;
  readonly lines?: readonly Line[];
}

interface Line {
  readonly from: number;
  readonly text: string;
  readonly mentions?: readonly { readonly tag: string; readonly user: string }[];
}

/** Makes a room with messages that the web chat can decrypt; answers its id. `master`: of a service without demo users. */
export async function seedRoom(url: string, room: SeededRoom, master?: MasterKey): Promise<string> {
  const { type, name, members, sendMessage = true, lines = [] } = room;
  const [owner, ...participants] = members;
  const call = await chatClient(url, { as: owner });
  const created = await call.createRoom({ type, name, participants, sendMessage });
  const id = created.room?.id ?? '';
  const cipher = await createRoomCiphers(master ?? (await masterKeyOf(url))).open(
    created.room?.encryptionData ?? '',
  );
  const clients = new Map(
    await Promise.all(
      members.map(async (member) => [member, await chatClient(url, { as: member })] as const),
    ),
  );
  for (const [index, { from, text, mentions = [] }] of lines.entries()) {
    const content = await cipher.encrypt(text);
    const senderMessageId = `${id} ${index}`;
    await clients.get(from)?.sendMessage({ roomId: id, content, senderMessageId, mentions: [...mentions] });
  }
  return id;
}

/** Hex. */
interface MasterKey {
  readonly key: string;
  readonly iv: string;
}

const sessionSchema = z.object({ chatKey: z.string(), chatIv: z.string() });

/** What the page gets when somebody signs in as a demo user. */
async function masterKeyOf(url: string): Promise<MasterKey> {
  const response = await fetch(`${url}/web/session?user=1`);
  const { chatKey, chatIv } = sessionSchema.parse(await response.json());
  return { key: chatKey, iv: chatIv };
}
