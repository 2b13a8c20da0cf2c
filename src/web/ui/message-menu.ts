import type { MessageView } from '../model/model.ts';
import type { MenuItem, PaneState } from './pane-state.ts';

const PALETTE = [
  ['👍', 'Thumbs up'],
  ['❤️', 'Heart'],
  ['😂', 'Laughing'],
  ['😮', 'Surprised'],
  ['😢', 'Sad'],
  ['🙏', 'Thank you'],
  ['🎉', 'Celebrate'],
  ['👀', 'Looking'],
] as const;

/** The emoji to react with. */
export function paletteOf({ model, run }: PaneState, message: MessageView): readonly MenuItem[] {
  return PALETTE.map(([emoji, label]) => ({
    label,
    emoji,
    run: () => void run(message.id === undefined ? Promise.resolve() : model.react(message.id, emoji)),
  }));
}

/** What the caller may do with a message of the open room, as it is now. */
export function messageMenu(pane: PaneState, key: string): readonly MenuItem[] {
  const { messages, room } = pane.model.conversation.value ?? {};
  const message = messages?.find((one) => one.key === key);
  if (room === undefined || message === undefined || message.isDeleted) return [];
  if (message.id === undefined) return waitingMenu(pane, message);
  const { draft, dialog } = pane;
  const items: readonly (MenuItem | false)[] = [
    room.may.write && {
      label: 'Reply',
      icon: 'reply',
      run: () => (draft.value = { kind: 'reply', message }),
    },
    {
      label: 'React',
      icon: 'smile',
      run: () => {
        const { x, y } = placeOf(message.key);
        pane.menu.value = { label: 'Reactions', x, y, items: () => paletteOf(pane, message) };
      },
    },
    { label: 'Forward', icon: 'forward', run: () => (dialog.value = { kind: 'forward', message }) },
    copyItem(pane, message),
    message.isMine && {
      label: 'Read by',
      icon: 'eye',
      run: () => (dialog.value = { kind: 'read-by', message }),
    },
    message.may.edit && { label: 'Edit', icon: 'edit', run: () => (draft.value = { kind: 'edit', message }) },
    message.may.delete && {
      label: 'Delete',
      icon: 'trash',
      isDanger: true,
      run: () => askToDelete(pane, message),
    },
  ];
  return items.filter((item) => item !== false);
}

/** It is not sent yet, so that it can still be taken back. */
function waitingMenu(pane: PaneState, message: MessageView): readonly MenuItem[] {
  return [
    copyItem(pane, message),
    { label: 'Discard', icon: 'trash', isDanger: true, run: () => pane.model.discard(message.key) },
  ];
}

function copyItem({ run }: PaneState, { text = '' }: MessageView): MenuItem {
  return { label: 'Copy text', icon: 'copy', run: () => void run(navigator.clipboard.writeText(text)) };
}

function askToDelete({ dialog, model }: PaneState, { id }: MessageView): void {
  if (id === undefined) return;
  dialog.value = {
    kind: 'confirm',
    title: 'Delete this message?',
    text: 'It goes for everybody in the room.',
    action: 'Delete',
    run: () => model.remove(id),
  };
}

function placeOf(key: string): { readonly x: number; readonly y: number } {
  const bubble = document.querySelector(`[data-key="${CSS.escape(key)}"] .bubble`);
  const { left = 0, bottom = 0 } = bubble?.getBoundingClientRect() ?? {};
  return { x: left, y: bottom + 4 };
}
