import { useSignal } from '@preact/signals';
import type { MessageView, Person } from '../model/model.ts';
import { Avatar, RoomAvatar } from './avatar.tsx';
import { Dialog } from './dialog.tsx';
import { useAtStart } from './hooks.ts';
import { NewRoomDialog } from './new-room.tsx';
import { type ConfirmRequest, usePane } from './pane-state.ts';
import { PeoplePicker } from './people-picker.tsx';
import { dateTimeText } from './time.ts';

/** Shows the pane's dialog. */
export function Dialogs() {
  const request = usePane().dialog.value;
  if (request === undefined) return null;
  if (request.kind === 'new-room') return <NewRoomDialog />;
  if (request.kind === 'add-members') return <AddMembersDialog />;
  if (request.kind === 'forward') return <ForwardDialog message={request.message} />;
  if (request.kind === 'read-by') return <ReadByDialog message={request.message} />;
  return request.kind === 'confirm' ? <ConfirmDialog request={request} /> : null;
}

function ConfirmDialog({ request }: { readonly request: ConfirmRequest }) {
  const pane = usePane();
  const close = (): void => {
    pane.dialog.value = undefined;
  };
  return (
    <Dialog title={request.title}>
      <p>{request.text}</p>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => {
            close();
            void pane.run(request.run());
          }}
        >
          {request.action}
        </button>
      </div>
    </Dialog>
  );
}

function ForwardDialog({ message }: { readonly message: MessageView }) {
  const pane = usePane();
  const { model, dialog, run } = pane;
  const rooms = model.allRooms.value.filter(({ may }) => may.write);
  const forward = async (messageId: string, roomId: string): Promise<void> => {
    await model.forward(messageId, roomId);
    pane.openRoom(roomId);
  };
  return (
    <Dialog title="Forward to">
      <p class="forward-text">{message.text}</p>
      <ul class="choices">
        {rooms.map((room) => (
          <li key={room.id}>
            <button
              type="button"
              class="choice"
              onClick={() => {
                dialog.value = undefined;
                if (message.id !== undefined) void run(forward(message.id, room.id));
              }}
            >
              <RoomAvatar room={room} size={36} />
              {room.name}
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function ReadByDialog({ message }: { readonly message: MessageView }) {
  const { model, run } = usePane();
  const readers = useSignal<readonly (Person & { readonly at: Date })[] | undefined>(undefined);
  useAtStart(() => {
    const load = async (): Promise<void> => {
      if (message.id !== undefined) readers.value = await model.readBy(message.id);
    };
    void run(load());
  });
  return (
    <Dialog title="Read by">
      {readers.value === undefined ? <div class="spinner" role="status" aria-label="Loading" /> : null}
      {readers.value?.length === 0 ? <p class="hint">Nobody has read it yet.</p> : null}
      <ul class="choices">
        {readers.value?.map(({ id, name, avatar, at }) => (
          <li key={id} class="reader">
            <Avatar id={id} name={name} picture={avatar} size={36} />
            <span>{name}</span>
            <time dateTime={at.toISOString()}>{dateTimeText(at)}</time>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function AddMembersDialog() {
  const { model, dialog, run } = usePane();
  const chosen = useSignal<readonly number[]>([]);
  const conversation = model.conversation.value;
  const roomId = conversation?.room.id;
  const members = new Set(conversation?.members.map(({ id }) => id));
  const people = model.people.value.filter(({ id }) => id !== model.me.id && !members.has(id));
  return (
    <Dialog title="Add members">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          dialog.value = undefined;
          if (roomId !== undefined) void run(model.addMembers(roomId, chosen.value));
        }}
      >
        <PeoplePicker people={people} chosen={chosen} />
        <div class="dialog-buttons">
          <button type="submit" class="button primary" disabled={chosen.value.length === 0}>
            Add{chosen.value.length > 0 ? ` ${chosen.value.length}` : ''}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
