import { type ReadonlySignal, useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { ConversationView, MessageView } from '../model/model.ts';
import { useAtStart } from './hooks.ts';
import { mentionsIn } from './mention-search.ts';
import { usePane } from './pane-state.ts';
import { type Mentions, useMentions } from './use-mentions.ts';

const MAX_HEIGHT_PX = 180;

/** The composer's field and what is offered above it. */
export interface Editor {
  readonly field: { current: HTMLTextAreaElement | null };
  readonly text: ReadonlySignal<string>;
  readonly mentions: Mentions;
  onInput(): void;
  onKeyDown(event: KeyboardEvent): void;
  submit(): Promise<void>;
  /** Ends a reply or an edit; what was written beside an edit stays. */
  finish(): void;
}

/** Writing in the open room: sends, saves an edit, keeps an unsent text for when the room is opened again. */
export function useEditor(view: ConversationView): Editor {
  const { model, draft, texts, run } = usePane();
  const { room, members } = view;
  const field = useRef<HTMLTextAreaElement>(null);
  const text = useSignal(texts.get(room.id) ?? '');

  const write = (value: string, caret = value.length): void => {
    text.value = value;
    if (draft.peek()?.kind !== 'edit') texts.set(room.id, value);
    setField(field.current, value, caret);
  };
  const mentions = useMentions(members, model.me.id, (start, end, name) => {
    write(text.value.slice(0, start) + name + text.value.slice(end), start + name.length);
  });
  const finish = (): void => {
    const wasEdit = draft.peek()?.kind === 'edit';
    draft.value = undefined;
    if (wasEdit) write(texts.get(room.id) ?? '');
  };
  const submit = async (): Promise<void> => {
    const value = text.value.trim();
    const about = draft.peek();
    if (value === '') return;
    if (about?.kind === 'edit') {
      if (await run(save(about.message, value))) finish();
      return;
    }
    const replyTo = about?.message.id;
    model.send(value, {
      ...(replyTo === undefined ? {} : { replyTo }),
      mentions: mentionsIn(value, members),
    });
    finish();
    write('');
  };
  const save = async ({ id, text: before }: MessageView, value: string): Promise<void> => {
    if (id !== undefined && value !== before) await model.edit(id, value);
  };

  useSignalEffect(() => {
    const about = draft.value;
    if (about?.kind === 'edit') write(about.message.text ?? '');
    if (about !== undefined) field.current?.focus();
  });
  useAtStart(() => {
    if (field.current !== null) fitHeight(field.current);
    // On a touch screen this would open the keyboard over the messages.
    if (matchMedia('(hover: hover)').matches) focusQuietly(field.current);
  });

  const onKey = ({ key, shiftKey }: KeyboardEvent): boolean => {
    if (mentions.onKey(key)) return true;
    if (key === 'Enter' && !shiftKey) void submit();
    else if (key === 'Escape' && draft.peek() !== undefined) finish();
    else if (key === 'ArrowUp' && text.value === '' && draft.peek() === undefined) {
      const message = lastOwn(view);
      if (message === undefined) return false;
      draft.value = { kind: 'edit', message };
    } else return false;
    return true;
  };
  return {
    field,
    text,
    mentions,
    onInput() {
      const { value = '', selectionStart = 0 } = field.current ?? {};
      write(value, selectionStart);
      if (value !== '' && draft.peek()?.kind !== 'edit') model.typing();
      if (room.kind !== 'p2p') mentions.look(value, selectionStart);
    },
    onKeyDown(event) {
      if (!event.isComposing && onKey(event)) event.preventDefault();
    },
    submit,
    finish,
  };
}

function lastOwn({ messages }: ConversationView): MessageView | undefined {
  return messages.findLast(({ isMine, may, kind }) => isMine && may.edit && kind === 'message');
}

function setField(field: HTMLTextAreaElement | null, value: string, caret: number): void {
  if (field === null) return;
  if (field.value !== value) {
    field.value = value;
    field.setSelectionRange(caret, caret);
  }
  fitHeight(field);
}

function fitHeight(field: HTMLTextAreaElement): void {
  field.style.height = 'auto';
  field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT_PX)}px`;
}

/** Not away from what somebody uses at the moment: a dialog, or the other half of the page. */
function focusQuietly(field: HTMLTextAreaElement | null): void {
  const active = document.activeElement;
  const isFree = active === null || active === document.body;
  if (isFree || active.closest('.pane') === field?.closest('.pane')) field?.focus();
}
