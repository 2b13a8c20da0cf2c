import type { RoomView } from '../model/model.ts';
import { RoomAvatar } from './avatar.tsx';
import { Icon } from './icons.tsx';
import { menuAt, menuAtPointer } from './menu.tsx';
import { usePane } from './pane-state.ts';
import { roomMenu } from './room-menu.ts';
import { TickMark } from './tick.tsx';
import { shortText } from './time.ts';

/** All rooms, with the search and the way to a new one. */
export function RoomList() {
  const { model, dialog } = usePane();
  const rooms = model.rooms.value;
  const openId = model.conversation.value?.room.id;
  return (
    <nav class="room-list" aria-label="Rooms">
      <div class="room-tools">
        <label class="search">
          <Icon name="search" size={18} />
          <input
            type="search"
            placeholder="Search rooms"
            aria-label="Search rooms"
            value={model.search.value}
            onInput={(event) => model.setSearch(event.currentTarget.value)}
          />
        </label>
        <button
          type="button"
          class="icon-button filled"
          aria-label="New room"
          title="New room"
          onClick={() => {
            dialog.value = { kind: 'new-room' };
          }}
        >
          <Icon name="plus" />
        </button>
      </div>
      {rooms.length === 0 ? <EmptyList /> : null}
      <ul class="rooms" onKeyDown={moveBetweenRooms}>
        {rooms.map((room, index) => (
          <RoomRow
            key={room.id}
            room={room}
            isOpen={room.id === openId}
            // One stop for the Tab key; arrows do the rest.
            isStop={
              openId === undefined || !rooms.some(({ id }) => id === openId)
                ? index === 0
                : room.id === openId
            }
          />
        ))}
      </ul>
    </nav>
  );
}

function EmptyList() {
  const { model } = usePane();
  if (!model.hasLoaded.value) {
    return (
      <div class="skeleton" role="status" aria-label="Loading rooms">
        {[1, 2, 3, 4, 5].map((one) => (
          <span key={one} />
        ))}
      </div>
    );
  }
  return <p class="hint">{model.search.value === '' ? 'No rooms yet.' : 'No room matches.'}</p>;
}

interface RowProps {
  readonly room: RoomView;
  readonly isOpen: boolean;
  readonly isStop: boolean;
}

function RoomRow({ room, isOpen, isStop }: RowProps) {
  const pane = usePane();
  const label = `Options of ${room.name}`;
  return (
    <li
      class={isOpen ? 'room-row open' : 'room-row'}
      onContextMenu={(event) => {
        event.preventDefault();
        pane.menu.value = menuAtPointer(event, label, () => roomMenu(pane, room.id));
      }}
    >
      <button
        type="button"
        class="room"
        tabIndex={isStop ? 0 : -1}
        aria-current={isOpen ? 'true' : undefined}
        onClick={() => pane.openRoom(room.id)}
      >
        <RoomAvatar room={room} />
        <span class="room-text">
          <span class="room-line">
            <span class="room-name">{room.name}</span>
            {room.lastMessage === undefined ? null : <time>{shortText(room.lastMessage.at)}</time>}
          </span>
          <span class="room-line">
            <Preview room={room} />
            <Marks room={room} />
          </span>
        </span>
      </button>
      <button
        type="button"
        class="icon-button small room-more"
        tabIndex={isStop ? 0 : -1}
        aria-label={label}
        onClick={(event) => {
          pane.menu.value = menuAt(event.currentTarget, label, () => roomMenu(pane, room.id));
        }}
      >
        <Icon name="more" size={18} />
      </button>
    </li>
  );
}

function Preview({ room }: { readonly room: RoomView }) {
  const { typing, lastMessage, kind } = room;
  if (typing.length > 0) {
    return (
      <span class="room-preview typing">{kind === 'p2p' ? 'typing…' : `${typing.join(', ')}: typing…`}</span>
    );
  }
  if (lastMessage === undefined) return <span class="room-preview">No messages yet</span>;
  const { tick, isMine, senderName, text } = lastMessage;
  const who = kind === 'p2p' || isMine || senderName === '' ? '' : `${senderName.split(' ')[0]}: `;
  return (
    <span class="room-preview">
      {tick === undefined ? null : <TickMark tick={tick} />}
      {who}
      {text}
    </span>
  );
}

function Marks({ room }: { readonly room: RoomView }) {
  return (
    <span class="room-marks">
      {room.isMuted ? <Mark icon="mute" label="Muted" /> : null}
      {room.isPinned ? <Mark icon="pin" label="Pinned" /> : null}
      {room.isPartnerBlocked ? <Mark icon="block" label="Blocked" /> : null}
      {room.unread > 0 ? (
        <span class={room.isMuted ? 'badge quiet' : 'badge'}>
          {room.unread > 99 ? '99+' : room.unread}
          <span class="sr-only"> unread</span>
        </span>
      ) : null}
    </span>
  );
}

function Mark({ icon, label }: { readonly icon: 'mute' | 'pin' | 'block'; readonly label: string }) {
  return (
    <span class="mark" role="img" aria-label={label} title={label}>
      <Icon name={icon} size={15} />
    </span>
  );
}

function moveBetweenRooms(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('.room')];
  const row = document.activeElement?.closest('.room-row');
  const at = buttons.findIndex((button) => button.parentElement === row);
  const target = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    Home: 0,
    End: buttons.length - 1,
  }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  buttons[Math.max(0, Math.min(target, buttons.length - 1))]?.focus();
}
