import type { ConversationView } from '../model/model.ts';
import { RoomAvatar } from './avatar.tsx';
import { Composer } from './composer.tsx';
import { Icon } from './icons.tsx';
import { menuAt } from './menu.tsx';
import { MessageList } from './message-list.tsx';
import { usePane } from './pane-state.ts';
import { roomMenu } from './room-menu.ts';

/** The open room, or a hint where none is open. */
export function Conversation() {
  const view = usePane().model.conversation.value;
  if (view === undefined) {
    return (
      <section class="conversation empty" aria-label="Conversation">
        <span class="empty-mark">
          <Icon name="bubbles" size={40} />
        </span>
        <p>Choose a room, or start a new one.</p>
        <p class="hint">
          <Icon name="lock" size={14} /> Messages are encrypted and decrypted in this browser.
        </p>
      </section>
    );
  }
  return (
    <section class="conversation" aria-label={`Conversation: ${view.room.name}`}>
      <Head view={view} />
      <MessageList key={`list ${view.room.id}`} view={view} />
      <Composer key={`composer ${view.room.id}`} view={view} />
    </section>
  );
}

function Head({ view }: { readonly view: ConversationView }) {
  const pane = usePane();
  const { room } = view;
  const label = `Menu of ${room.name}`;
  return (
    <header class="conversation-head">
      <button
        type="button"
        class="icon-button back"
        aria-label="Back to rooms"
        onClick={() => pane.openRoom(undefined)}
      >
        <Icon name="back" />
      </button>
      <RoomAvatar room={room} size={38} />
      <div class="conversation-title">
        <h2>{room.name}</h2>
        <p class={room.typing.length > 0 ? 'typing' : ''}>{subtitle(view)}</p>
      </div>
      <button
        type="button"
        class="icon-button"
        aria-label="Room details"
        title="Room details"
        aria-pressed={pane.showsDetails.value}
        onClick={() => {
          pane.showsDetails.value = !pane.showsDetails.value;
        }}
      >
        <Icon name="info" />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label={label}
        onClick={(event) => {
          pane.menu.value = menuAt(event.currentTarget, label, () => roomMenu(pane, room.id));
        }}
      >
        <Icon name="more" />
      </button>
    </header>
  );
}

function subtitle({ room, members }: ConversationView): string {
  if (room.typing.length > 0) return room.kind === 'p2p' ? 'typing…' : `${room.typing.join(', ')} typing…`;
  if (room.kind === 'p2p') return room.isPartnerBlocked ? 'Blocked' : 'Direct messages';
  if (members.length === 0) return room.kind === 'channel' ? 'Channel' : 'Group';
  const names = members.map(({ name }) => name.split(' ')[0]).join(', ');
  return `${room.kind === 'channel' ? 'Channel' : 'Group'} · ${members.length} members: ${names}`;
}
