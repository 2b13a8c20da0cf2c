import type { MessageView, RoomView } from '../model/model.ts';
import { Icon, type IconName } from './icons.tsx';
import { menuAt } from './menu.tsx';
import { messageMenu, paletteOf } from './message-menu.ts';
import { usePane } from './pane-state.ts';

/** Buttons beside a message while the pointer or the focus is on it. */
export function MessageActions(props: {
  readonly message: MessageView;
  readonly room: RoomView;
  /** The Tab key stops at this message. */
  readonly isStop: boolean;
}) {
  const { message, room, isStop } = props;
  const pane = usePane();
  const isSent = message.id !== undefined;
  const openPalette = (button: Element): void => {
    pane.menu.value = menuAt(button, 'Reactions', () => paletteOf(pane, message));
  };
  const reply = (): void => {
    pane.draft.value = { kind: 'reply', message };
  };
  const openMenu = (button: Element): void => {
    pane.menu.value = menuAt(button, 'Message actions', () => messageMenu(pane, message.key));
  };
  return (
    <div class="actions">
      {isSent ? <Action label="React" icon="smile" isStop={isStop} act={openPalette} /> : null}
      {isSent && room.may.write ? <Action label="Reply" icon="reply" isStop={isStop} act={reply} /> : null}
      <Action label="More actions" icon="more" isStop={isStop} act={openMenu} />
    </div>
  );
}

function Action(props: {
  readonly label: string;
  readonly icon: IconName;
  readonly isStop: boolean;
  readonly act: (button: Element) => void;
}) {
  const { label, icon, isStop, act } = props;
  return (
    <button
      type="button"
      class="icon-button small"
      tabIndex={isStop ? 0 : -1}
      aria-label={label}
      title={label}
      onClick={(event) => act(event.currentTarget)}
    >
      <Icon name={icon} size={18} />
    </button>
  );
}
