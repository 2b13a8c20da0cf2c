import type { RoomView } from '../model/model.ts';
import type { MenuItem, PaneState } from './pane-state.ts';

/** What can be done with a room without opening it, as it is now. */
export function roomMenu(pane: PaneState, roomId: string): readonly MenuItem[] {
  const { conversation, rooms } = pane.model;
  const open = conversation.value?.room;
  const room = open?.id === roomId ? open : rooms.value.find(({ id }) => id === roomId);
  if (room === undefined) return [];
  const { model, run } = pane;
  const isPersonal = room.kind === 'p2p';
  return [
    {
      label: room.isPinned ? 'Unpin' : 'Pin',
      icon: 'pin',
      run: () => void run(model.pin(room.id)),
    },
    {
      label: room.isMuted ? 'Unmute' : 'Mute',
      icon: room.isMuted ? 'bell' : 'mute',
      run: () => void run(model.mute(room.id)),
    },
    ...(isPersonal ? [blockItem(pane, room)] : []),
    {
      label: isPersonal ? 'Delete chat' : 'Leave',
      icon: isPersonal ? 'trash' : 'leave',
      isDanger: true,
      run: () => askToLeave(pane, room),
    },
  ];
}

/** Leaves the room, once that is confirmed. */
export function askToLeave(pane: PaneState, room: RoomView): void {
  const isPersonal = room.kind === 'p2p';
  pane.dialog.value = {
    kind: 'confirm',
    title: isPersonal ? `Delete the chat with ${room.name}?` : `Leave ${room.name}?`,
    text: isPersonal
      ? 'It goes for both of you, with all its messages.'
      : `You get no more messages of it, and what you have written stays.${heirText(room)}`,
    action: isPersonal ? 'Delete chat' : 'Leave',
    run: () => pane.model.leave(room.id),
  };
}

function heirText({ role }: RoomView): string {
  return role === 'OWNER' ? ' If nobody else owns it, whoever has been here longest will.' : '';
}

function blockItem({ model, run }: PaneState, room: RoomView): MenuItem {
  return {
    label: room.isPartnerBlocked ? 'Unblock' : 'Block',
    icon: 'block',
    isDanger: !room.isPartnerBlocked,
    run: () => void run(model.block(room.id)),
  };
}
