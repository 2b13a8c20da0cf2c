import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { ConversationView, Member, RoomView } from '../model/model.ts';
import { Avatar, RoomAvatar } from './avatar.tsx';
import { useFocusReturn } from './hooks.ts';
import { Icon } from './icons.tsx';
import { menuAt } from './menu.tsx';
import { TextField } from './new-room.tsx';
import { type MenuItem, type PaneState, usePane } from './pane-state.ts';
import { askToLeave } from './room-menu.ts';

const ALLOWS = [
  ['write', 'Members may write'],
  ['addMembers', 'Members may add members'],
  ['edit', 'Members may change name and description'],
] as const;

/** What the open room is, who is in it, and what they may do. */
export function Details() {
  const pane = usePane();
  const element = useRef<HTMLElement>(null);
  useFocusReturn(element);
  const view = pane.model.conversation.value;
  if (view === undefined) return null;
  const { room } = view;
  const close = (): void => {
    pane.showsDetails.value = false;
  };
  return (
    <aside
      ref={element}
      class="details"
      aria-label="Room details"
      onKeyDown={(event) => {
        // A name that is being changed is left first.
        if (event.key === 'Escape' && !event.defaultPrevented) close();
      }}
    >
      <header class="details-head">
        <h2>Details</h2>
        <button type="button" class="icon-button" aria-label="Close details" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <Identity key={`${room.id} ${room.name} ${room.description}`} room={room} />
      {room.kind === 'p2p' ? null : <Members view={view} />}
      {room.kind === 'p2p' ? null : <Allows room={room} />}
      <button type="button" class="button danger wide" onClick={() => askToLeave(pane, room)}>
        {room.kind === 'p2p' ? 'Delete chat' : `Leave ${room.kind}`}
      </button>
    </aside>
  );
}

function Identity({ room }: { readonly room: RoomView }) {
  const isEditing = useSignal(false);
  if (isEditing.value) return <RenameForm room={room} close={() => (isEditing.value = false)} />;
  return (
    <div class="identity">
      <RoomAvatar room={room} size={72} />
      <h3>{room.name}</h3>
      {room.description === '' ? null : <p>{room.description}</p>}
      {room.kind !== 'p2p' && room.may.edit ? (
        <button
          type="button"
          class="button"
          onClick={() => {
            isEditing.value = true;
          }}
        >
          <Icon name="edit" size={16} /> Rename
        </button>
      ) : null}
    </div>
  );
}

function RenameForm({ room, close }: { readonly room: RoomView; readonly close: () => void }) {
  const { model, run } = usePane();
  const name = useSignal(room.name);
  const description = useSignal(room.description);
  return (
    <form
      class="form"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        close();
      }}
      onSubmit={(event) => {
        event.preventDefault();
        close();
        void run(model.rename(room.id, name.value.trim(), description.value.trim()));
      }}
    >
      <TextField label="Name" value={name} />
      <TextField label="Description" value={description} />
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" class="button primary" disabled={name.value.trim() === ''}>
          Save
        </button>
      </div>
    </form>
  );
}

function Members({ view }: { readonly view: ConversationView }) {
  const pane = usePane();
  const { room, members } = view;
  return (
    <section class="members" aria-label="Members">
      <div class="section-head">
        <h3>{members.length} members</h3>
        {room.may.addMembers ? (
          <button
            type="button"
            class="button small"
            onClick={() => {
              pane.dialog.value = { kind: 'add-members' };
            }}
          >
            <Icon name="plus" size={16} /> Add
          </button>
        ) : null}
      </div>
      <ul>
        {members.map((member) => (
          <MemberRow key={member.id} member={member} room={room} />
        ))}
      </ul>
    </section>
  );
}

function MemberRow({ member, room }: { readonly member: Member; readonly room: RoomView }) {
  const pane = usePane();
  const { id, name, avatar, role } = member;
  const isMe = id === pane.model.me.id;
  const items = isMe ? [] : memberMenu(pane, member, room);
  const label = `Options of ${name}`;
  return (
    <li class="member">
      <Avatar id={id} name={name} picture={avatar} size={36} />
      <span class="member-name">{isMe ? `${name} (you)` : name}</span>
      {role === 'MEMBER' ? null : <span class={`role-mark ${role.toLowerCase()}`}>{role.toLowerCase()}</span>}
      {items.length === 0 ? null : (
        <button
          type="button"
          class="icon-button small"
          aria-label={label}
          onClick={(event) => {
            pane.menu.value = menuAt(event.currentTarget, label, () => items);
          }}
        >
          <Icon name="more" size={18} />
        </button>
      )}
    </li>
  );
}

function memberMenu(pane: PaneState, { id, name, role }: Member, room: RoomView): readonly MenuItem[] {
  const { model, run } = pane;
  const canRemove = room.role === 'OWNER' || (room.role === 'ADMIN' && role === 'MEMBER');
  const items: readonly (MenuItem | false)[] = [
    {
      label: 'Message',
      icon: 'bubbles',
      run: () => {
        const write = async (): Promise<void> =>
          pane.openRoom(await model.createRoom({ kind: 'p2p', name: '', description: '', members: [id] }));
        void run(write());
      },
    },
    room.may.setRoles &&
      role === 'MEMBER' && {
        label: 'Make admin',
        icon: 'star',
        run: () => void run(model.setRole(room.id, id, 'ADMIN')),
      },
    room.may.setRoles &&
      role === 'ADMIN' && {
        label: 'Make member',
        icon: 'person',
        run: () => void run(model.setRole(room.id, id, 'MEMBER')),
      },
    canRemove && {
      label: 'Remove',
      icon: 'close',
      isDanger: true,
      run: () => {
        pane.dialog.value = {
          kind: 'confirm',
          title: `Remove ${name}?`,
          text: `${name} gets no more messages of ${room.name}.`,
          action: 'Remove',
          run: () => model.removeMember(room.id, id),
        };
      },
    },
  ];
  return items.filter((item) => item !== false);
}

function Allows({ room }: { readonly room: RoomView }) {
  const { model, run } = usePane();
  return (
    <fieldset class="allows" disabled={!room.may.setRoles && room.role === 'MEMBER'}>
      <legend>Permissions</legend>
      {ALLOWS.map(([name, label]) => (
        <label key={name} class="switch">
          <span>{label}</span>
          <input
            type="checkbox"
            role="switch"
            checked={room.allows[name]}
            aria-checked={room.allows[name]}
            onChange={(event) => void run(model.allow(room.id, { [name]: event.currentTarget.checked }))}
          />
        </label>
      ))}
    </fieldset>
  );
}
