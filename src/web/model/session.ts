import { Code, ConnectError } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import { createChatClient } from '../../client/client.ts';
import { asAction } from './action-error.ts';
import { openChat } from './chat.ts';
import {
  ActionError,
  type ChatModel,
  type Credentials,
  type Person,
  type Sessions,
  type WebSetup,
} from './model.ts';

/** Signing in: as a demo user where the service has some, else with a token. */
export const sessions: Sessions = {
  readSetup: async () => await asAction(() => readSetup()),
  async signIn(who) {
    // Neither keys nor tabs that share a stream are there on other pages.
    if (!isSecureContext)
      throw new ActionError('The chat needs https, or localhost: browsers encrypt only there');
    return await asAction(() => (typeof who === 'number' ? signInAs(who) : signInWith(who)));
  },
};

async function readSetup(): Promise<WebSetup> {
  const answer = await readJson(globalThis.fetch, '/web/setup');
  const people: readonly unknown[] =
    'demoUsers' in answer && Array.isArray(answer.demoUsers) ? answer.demoUsers : [];
  return { demoUsers: people.filter(isPerson) };
}

async function signInAs(id: number): Promise<ChatModel> {
  const { demoUsers } = await readSetup();
  const me = demoUsers.find((user) => user.id === id);
  if (me === undefined) throw new ActionError('There is no such demo user');
  const { token, chatKey, chatIv } = await readSession(globalThis.fetch, id);
  let first: string | undefined = token;
  return openChat({
    me,
    known: demoUsers,
    masterKey: { chatKey, chatIv },
    clientId: clientIdOf(id),
    async token(fetch) {
      const fresh = first;
      first = undefined;
      return fresh ?? (await readSession(fetch, id)).token;
    },
  });
}

async function signInWith({ token, chatKey, chatIv }: Credentials): Promise<ChatModel> {
  const id = userIdIn(token);
  if (id === undefined) throw new ActionError('This is no token of a user');
  const clientId = clientIdOf(id);
  const me = await askWho(id, token, clientId);
  return openChat({ me, known: [], masterKey: { chatKey, chatIv }, clientId, token });
}

/** The service tells names of members of a room only. */
async function askWho(id: number, token: string, clientId: string): Promise<Person> {
  const baseUrl = location.origin;
  const client = createChatClient({
    baseUrl,
    clientId,
    token,
    transport: createConnectTransport({ baseUrl }),
  });
  const { items } = await client.rpc.getRooms({ page: 1, limit: 1 });
  const nameless = { id, name: `User ${id}`, avatar: '' };
  const [room] = items;
  if (room === undefined) return nameless;
  for (let page = 1, pages = 1; page <= Math.min(pages, 10); page += 1) {
    const { participants, meta } = await client.rpc.getRoomParticipants({ id: room.id, page, limit: 100 });
    const found = participants.find((one) => one.id === id);
    if (found !== undefined) return { id, name: found.name, avatar: found.avatar };
    pages = meta?.totalPages ?? 1;
  }
  return nameless;
}

/** Names this user in this browser to the service. */
function clientIdOf(userId: number): string {
  const name = `chat.client.${userId}`;
  const known = localStorage.getItem(name);
  if (known !== null) return known;
  const made = `web-${crypto.randomUUID()}`;
  localStorage.setItem(name, made);
  return made;
}

async function readSession(fetch: typeof globalThis.fetch, userId: number): Promise<Credentials> {
  const answer = await readJson(fetch, `/web/session?user=${userId}`);
  const { token, chatKey, chatIv } = { token: '', chatKey: '', chatIv: '', ...answer };
  if (token === '') throw new ActionError('There is no token for this user');
  return { token, chatKey, chatIv };
}

/** Rejects with a TypeError without a network, and with a ConnectError when the service refuses. */
async function readJson(fetch: typeof globalThis.fetch, path: string): Promise<object> {
  const response = await fetch(path, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) {
    const code = response.status >= 500 ? Code.Unavailable : Code.Unauthenticated;
    throw new ConnectError(await response.text(), code);
  }
  const value: unknown = await response.json();
  if (typeof value !== 'object' || value === null) throw new ConnectError('no JSON object', Code.Internal);
  return value;
}

/** What the service takes for the user's id. */
function userIdIn(token: string): number | undefined {
  try {
    const part = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? '';
    const { user_id: id, payload, sub } = JSON.parse(atob(part));
    const found = Number(id ?? payload?.userId ?? sub);
    return Number.isSafeInteger(found) && found > 0 ? found : undefined;
  } catch {
    return undefined;
  }
}

function isPerson(value: unknown): value is Person {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    typeof value.id === 'number' &&
    'name' in value &&
    typeof value.name === 'string' &&
    'avatar' in value &&
    typeof value.avatar === 'string'
  );
}
