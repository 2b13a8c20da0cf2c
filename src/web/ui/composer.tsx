import { useId } from 'preact/hooks';
import type { ConversationView, Member } from '../model/model.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icons.tsx';
import { type Draft, usePane } from './pane-state.ts';
import { useEditor } from './use-editor.ts';

/** Where a message is written; says why when the room takes none. */
export function Composer({ view }: { readonly view: ConversationView }) {
  const { room } = view;
  if (room.may.write) return <Editor view={view} />;
  return (
    <p class="read-only">
      <Icon name={room.isPartnerBlocked ? 'block' : 'lock'} size={18} />
      {readOnlyText(view)}
    </p>
  );
}

function readOnlyText({ room }: ConversationView): string {
  if (room.isPartnerBlocked) return `You have blocked ${room.name}. Unblock to write.`;
  if (room.kind === 'p2p') return 'You can’t write here at the moment.';
  return `Only owners and admins write in this ${room.kind}.`;
}

function Editor({ view }: { readonly view: ConversationView }) {
  const listId = useId();
  const draft = usePane().draft.value;
  const editor = useEditor(view);
  const { text, mentions } = editor;
  const { offered, choice } = mentions;
  const isOffering = offered.length > 0;
  const isEdit = draft?.kind === 'edit';
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void editor.submit();
      }}
    >
      {draft === undefined ? null : <DraftBar draft={draft} onCancel={editor.finish} />}
      {isOffering ? (
        <MentionList id={listId} members={offered} choice={choice} onPick={mentions.pick} />
      ) : null}
      <div class="composer-line">
        <textarea
          ref={editor.field}
          rows={1}
          defaultValue={text.peek()}
          aria-label="Message"
          placeholder={`Message ${view.room.name}`}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={isOffering ? listId : undefined}
          aria-activedescendant={isOffering ? `${listId}-${choice}` : undefined}
          onKeyDown={editor.onKeyDown}
          onBlur={mentions.close}
          onInput={editor.onInput}
        />
        <button
          type="submit"
          class="send"
          aria-label={isEdit ? 'Save' : 'Send'}
          disabled={text.value.trim() === ''}
        >
          <Icon name={isEdit ? 'check' : 'send'} />
        </button>
      </div>
    </form>
  );
}

function DraftBar({ draft, onCancel }: { readonly draft: Draft; readonly onCancel: () => void }) {
  const { kind, message } = draft;
  const author = message.isMine ? 'yourself' : message.sender.name;
  return (
    <div class="draft-bar">
      <Icon name={kind} size={18} />
      <span class="draft-text">
        <b>{kind === 'edit' ? 'Edit message' : `Reply to ${author}`}</b>
        <span>{message.text}</span>
      </span>
      <button
        type="button"
        class="icon-button small"
        aria-label={kind === 'edit' ? 'Cancel edit' : 'Cancel reply'}
        onClick={onCancel}
      >
        <Icon name="close" size={18} />
      </button>
    </div>
  );
}

/** Offers names above the field; the field keeps the focus. */
function MentionList(props: {
  readonly id: string;
  readonly members: readonly Member[];
  readonly choice: number;
  readonly onPick: (member: Member) => void;
}) {
  const { id, members, choice, onPick } = props;
  return (
    <div id={id} class="mention-list" role="listbox" aria-label="Members to mention">
      {members.map((member, index) => (
        <div
          key={member.id}
          id={`${id}-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === choice}
          onPointerDown={(event) => {
            event.preventDefault();
            onPick(member);
          }}
        >
          <Avatar id={member.id} name={member.name} picture={member.avatar} size={26} />
          {member.name}
        </div>
      ))}
    </div>
  );
}
