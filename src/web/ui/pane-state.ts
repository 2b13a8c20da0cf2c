import { effect, type Signal, signal, untracked } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { ChatModel, ConversationView, MessageView } from '../model/model.ts';
import type { IconName } from './icons.tsx';

const TOAST_MS = 6_000;
const MAX_TOASTS = 3;

/** What the composer is about, beside a new message. */
export interface Draft {
  readonly kind: 'reply' | 'edit';
  readonly message: MessageView;
}

/** A dialog that is open. */
export type DialogRequest =
  | { readonly kind: 'new-room' | 'add-members' }
  | { readonly kind: 'forward' | 'read-by'; readonly message: MessageView }
  | ConfirmRequest;

/** A question before something that can't be taken back. */
export interface ConfirmRequest {
  readonly kind: 'confirm';
  readonly title: string;
  readonly text: string;
  /** The button's text. */
  readonly action: string;
  readonly run: () => Promise<void>;
}

/** A line of a menu. */
export interface MenuItem {
  readonly label: string;
  readonly icon?: IconName;
  /** Shown in place of icon and label, as in the emoji palette. */
  readonly emoji?: string;
  readonly isDanger?: boolean;
  readonly run: () => void;
}

/** A menu that is open, with its corner in the window. */
export interface MenuRequest {
  readonly label: string;
  readonly x: number;
  readonly y: number;
  /** Asked again when what they stand on changes: a message is sent while its menu is open. */
  readonly items: () => readonly MenuItem[];
}

/** A message that comes and goes. */
export interface Toast {
  readonly number: number;
  readonly text: string;
}

/** What one user's half of the page remembers beside the chat itself. */
export interface PaneState {
  readonly model: ChatModel;
  readonly draft: Signal<Draft | undefined>;
  readonly dialog: Signal<DialogRequest | undefined>;
  readonly menu: Signal<MenuRequest | undefined>;
  readonly toasts: Signal<readonly Toast[]>;
  readonly showsDetails: Signal<boolean>;
  readonly showsInspector: Signal<boolean>;
  /** Unsent texts by room. */
  readonly texts: Map<string, string>;
  /** Says what went wrong, if it does; resolves to whether it went well. */
  run(action: Promise<unknown>): Promise<boolean>;
  notify(text: string): void;
  openRoom(roomId: string | undefined): void;
}

/** The state of a pane whose chat is `model`. */
export function createPane(model: ChatModel): PaneState {
  const toasts = signal<readonly Toast[]>([]);
  let lastToast = 0;
  const notify = (text: string): void => {
    lastToast += 1;
    const toast = { number: lastToast, text };
    toasts.value = [...toasts.value, toast].slice(-MAX_TOASTS);
    setTimeout(() => {
      toasts.value = toasts.value.filter((one) => one !== toast);
    }, TOAST_MS);
  };
  const run = async (action: Promise<unknown>): Promise<boolean> => {
    try {
      await action;
      return true;
    } catch (error) {
      notify(error instanceof Error ? error.message : 'Something went wrong.');
      return false;
    }
  };
  const draft = signal<Draft | undefined>(undefined);
  const showsDetails = signal(false);
  let open: ConversationView['room'] | undefined;
  effect(() => {
    const before = open;
    open = model.conversation.value?.room;
    if (before !== undefined && open === undefined) untracked(() => notify(goneText(before)));
  });
  return {
    model,
    draft,
    dialog: signal<DialogRequest | undefined>(undefined),
    menu: signal<MenuRequest | undefined>(undefined),
    toasts,
    showsDetails,
    showsInspector: signal(false),
    texts: new Map(),
    run,
    notify,
    openRoom(roomId) {
      if (roomId !== model.conversation.peek()?.room.id) draft.value = undefined;
      if (roomId === undefined) {
        showsDetails.value = false;
        // Closed, not lost.
        open = undefined;
      }
      void run(model.open(roomId));
    },
  };
}

function goneText({ kind, name }: ConversationView['room']): string {
  return kind === 'p2p' ? `The chat with ${name} was deleted.` : `You are not in ${name} any more.`;
}

/** How components get at the pane that they are in. */
export const PaneContext = createContext<PaneState | undefined>(undefined);

/** The pane around a component. */
export function usePane(): PaneState {
  const pane = useContext(PaneContext);
  if (pane === undefined) throw new Error('there is no pane around it');
  return pane;
}
