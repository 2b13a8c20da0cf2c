import { type Signal, useSignal } from '@preact/signals';
import type { RoomKind } from '../model/model.ts';
import { Avatar } from './avatar.tsx';
import { Dialog } from './dialog.tsx';
import { Icon, type IconName } from './icons.tsx';
import { usePane } from './pane-state.ts';
import { PeoplePicker, PeopleSearch } from './people-picker.tsx';

const KINDS: readonly (readonly [kind: RoomKind, label: string, icon: IconName])[] = [
  ['p2p', 'Person', 'person'],
  ['group', 'Group', 'group'],
  ['channel', 'Channel', 'channel'],
];

/** Starts a chat with a person, a group, or a channel. */
export function NewRoomDialog() {
  const kind = useSignal<RoomKind>('p2p');
  return (
    <Dialog title="New room">
      <fieldset class="segments" aria-label="Kind of room">
        {KINDS.map(([one, label, icon]) => (
          <button
            key={one}
            type="button"
            aria-pressed={kind.value === one}
            onClick={() => {
              kind.value = one;
            }}
          >
            <Icon name={icon} size={18} />
            {label}
          </button>
        ))}
      </fieldset>
      {kind.value === 'p2p' ? <PersonChoice /> : <RoomForm kind={kind} />}
    </Dialog>
  );
}

function PersonChoice() {
  const { model } = usePane();
  const create = useCreate();
  const filter = useSignal('');
  const wanted = filter.value.trim().toLowerCase();
  const people = model.people.value.filter(
    ({ id, name }) => id !== model.me.id && name.toLowerCase().includes(wanted),
  );
  return (
    <>
      <PeopleSearch filter={filter} />
      <ul class="choices">
        {people.map(({ id, name, avatar }) => (
          <li key={id}>
            <button type="button" class="choice" onClick={() => create('p2p', '', '', [id])}>
              <Avatar id={id} name={name} picture={avatar} size={36} />
              {name}
            </button>
          </li>
        ))}
      </ul>
      {people.length === 0 ? <p class="hint">Nobody else is known here.</p> : null}
    </>
  );
}

function RoomForm({ kind }: { readonly kind: Signal<RoomKind> }) {
  const { model } = usePane();
  const create = useCreate();
  const name = useSignal('');
  const description = useSignal('');
  const chosen = useSignal<readonly number[]>([]);
  const isReady = name.value.trim() !== '' && chosen.value.length > 0;
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        create(kind.value, name.value.trim(), description.value.trim(), chosen.value);
      }}
    >
      {kind.value === 'channel' ? (
        <p class="hint">In a channel only its owners and admins write; everybody else reads.</p>
      ) : null}
      <TextField label="Name" value={name} />
      <TextField label="Description" value={description} />
      <PeoplePicker people={model.people.value.filter(({ id }) => id !== model.me.id)} chosen={chosen} />
      <div class="dialog-buttons">
        <button type="submit" class="button primary" disabled={!isReady}>
          Create {kind.value}
        </button>
      </div>
    </form>
  );
}

/** A line of text with its label. */
export function TextField({ label, value }: { readonly label: string; readonly value: Signal<string> }) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        maxLength={255}
        autocomplete="off"
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
    </label>
  );
}

function useCreate(): (
  kind: RoomKind,
  name: string,
  description: string,
  members: readonly number[],
) => void {
  const pane = usePane();
  const { model } = pane;
  return (kind, name, description, members) => {
    const create = async (): Promise<void> => {
      const roomId = await model.createRoom({ kind, name, description, members });
      pane.dialog.value = undefined;
      pane.openRoom(roomId);
    };
    void pane.run(create());
  };
}
