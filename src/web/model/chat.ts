import { computed, effect, signal, untracked } from '@preact/signals';
import { asAction } from './action-error.ts';
import { type ChatParts, createParts, type PartsOptions } from './chat-parts.ts';
import { Conversation } from './conversation.ts';
import { createMessageActions } from './message-actions.ts';
import { ActionError, type ChatModel, type Connection } from './model.ts';
import { createRoomActions } from './room-actions.ts';

/** Starts the chat of a user; it loads and connects by itself. */
export function openChat(options: PartsOptions): ChatModel {
  const { me } = options;
  const isOn = signal(true);
  const parts = createParts(options);
  const { network, inspector, drafts, rooms, intake, stream, people, opened, typing, client } = parts;
  const stopWatching = watch(parts, isOn);
  stream.start();
  intake.resync();
  return {
    me,
    connection: computed(() => connectionOf(parts, isOn.value)),
    allRooms: rooms.all,
    rooms: rooms.rooms,
    hasLoaded: rooms.hasLoaded,
    search: rooms.search,
    conversation: computed(() => opened.value?.view.value),
    frames: inspector.frames,
    people: people.list,
    setSearch: (text) => rooms.setSearch(text),
    open: async (roomId) => await asAction(() => open(parts, roomId)),
    loadOlder: async () => await asAction(async () => await opened.peek()?.loadOlder()),
    send(text, extras = {}) {
      drafts.send(parts.conversation().roomId, text, extras);
      typing.stop();
    },
    retry: (key) => drafts.retry(key),
    discard: (key) => drafts.discard(key),
    typing: () => typing.key(),
    ...createMessageActions({ ...parts, rpc: client.rpc }),
    ...createRoomActions({ rpc: client.rpc, rooms, changed: (roomId) => stream.tellChanged(roomId) }),
    setOnline(online) {
      if (online === isOn.peek()) return;
      inspector.status(online ? 'switched on' : 'switched off');
      network.turn(online);
      isOn.value = online;
      stream.setOnline(online);
      if (online) wake(parts);
    },
    close() {
      stopWatching();
      typing.stop();
      stream.close();
      client.close();
      intake.close();
    },
  };
}

async function open(parts: ChatParts, roomId: string | undefined): Promise<void> {
  const { opened, rooms, typing, drafts } = parts;
  typing.stop();
  if (roomId === undefined) {
    opened.value = undefined;
    return;
  }
  if (rooms.room(roomId) === undefined) await rooms.refresh(roomId);
  if (rooms.room(roomId) === undefined) {
    throw new ActionError('There is no such room, or you are not in it');
  }
  const next = new Conversation(roomId, { ...parts, rpc: parts.client.rpc, drafts: drafts.list });
  opened.value = next;
  await next.load();
  parts.markRead();
}

/** Tries at once what waits for its next try, and tells what the user sees now. */
function wake({ client, intake, markRead }: ChatParts): void {
  client.wake();
  intake.wake();
  markRead();
}

/** Follows the browser and the stream, until the answer is called. */
function watch(parts: ChatParts, isOn: { readonly value: boolean }): () => void {
  const { stream, intake, opened, rooms } = parts;
  const closed = new AbortController();
  const { signal: ended } = closed;
  const changed = (): void => {
    if (!isOnline.peek()) {
      rooms.stopTyping();
      return;
    }
    wake(parts);
    // What could not be read before is tried again.
    if (intake.problem.peek() !== undefined || opened.peek()?.view.peek()?.hasFailed === true)
      intake.resync();
  };
  const isOnline = computed(() => isOn.value && stream.status.value.state === 'online');
  window.addEventListener('online', () => wake(parts), { signal: ended });
  document.addEventListener('visibilitychange', () => wake(parts), { signal: ended });
  const stop = effect(() => {
    isOnline.value;
    untracked(changed);
  });
  return () => {
    closed.abort();
    stop();
  };
}

function connectionOf({ stream, drafts, intake }: ChatParts, isOn: boolean): Connection {
  const { state, reason, retryAt } = stream.status.value;
  const waiting = drafts.list.value.filter(({ tick }) => tick === 'waiting').length;
  const common = { role: stream.role.value, waiting };
  const problem = intake.problem.value;
  if (!isOn) return { ...common, state: 'switched-off', reason: undefined, retryAt: undefined };
  if (problem !== undefined) return { ...common, state: 'offline', reason: problem, retryAt: undefined };
  return { ...common, state, reason, retryAt };
}
