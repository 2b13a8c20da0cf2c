import { Box, Text } from 'ink';
import { createElement as h, type ReactElement } from 'react';
import type { RoomEntry } from '../room-list.ts';
import { cut, padTo, textWidth } from '../text.ts';

/** Rows of a room in the list. */
const ROOM_ROWS = 2;
/** Room for the mark of the open room, and for a space at the right. */
const MARGIN = 3;

/** The list of rooms, around the open one when not all of them fit. */
export function RoomPane(props: {
  readonly rooms: readonly RoomEntry[];
  readonly openId: string | undefined;
  readonly width: number;
  readonly height: number;
}): ReactElement {
  const { rooms, openId, width, height } = props;
  const fit = Math.max(1, Math.floor(height / ROOM_ROWS));
  const index = rooms.findIndex(({ id }) => id === openId);
  const start = Math.max(0, Math.min(index - Math.floor(fit / 2), rooms.length - fit));
  const shown = rooms.slice(start, start + fit);
  return h(
    Box,
    { flexDirection: 'column', width, height, overflow: 'hidden' },
    ...shown.map((room) => h(RoomItem, { key: room.id, room, isOpen: room.id === openId, width })),
  );
}

function RoomItem(props: {
  readonly room: RoomEntry;
  readonly isOpen: boolean;
  readonly width: number;
}): ReactElement {
  const { room, isOpen } = props;
  const width = props.width - MARGIN;
  const badge = room.unread > 0 ? ` ${room.unread > 99 ? '99+' : room.unread} ` : '';
  const marks = `${room.pinned ? '⚑ ' : ''}${room.muted ? '⊘ ' : ''}`;
  const nameWidth = Math.max(4, width - textWidth(badge) - 1);
  const name = padTo(`${marks}${room.name}`, nameWidth);
  const mark = h(Text, { color: 'cyan' }, isOpen ? '▌ ' : '  ');
  return h(
    Box,
    { flexDirection: 'column', height: ROOM_ROWS, flexShrink: 0 },
    h(
      Text,
      { wrap: 'truncate' },
      mark,
      h(Text, { bold: isOpen || room.unread > 0, ...(isOpen ? { color: 'cyan' } : {}) }, name, ' '),
      h(Text, { inverse: true, bold: true, color: room.muted ? 'gray' : 'cyan' }, badge),
    ),
    h(Text, { wrap: 'truncate' }, mark, h(Preview, { room, width })),
  );
}

function Preview(props: { readonly room: RoomEntry; readonly width: number }): ReactElement {
  const { room, width } = props;
  if (room.typing.length > 0) {
    return h(Text, { color: 'green', italic: true }, cut(`${room.typing.join(', ')} typing …`, width));
  }
  const time = timeInWords(room.lastAt);
  const text = padTo(room.preview, Math.max(4, width - time.length - 1));
  return h(Text, { dimColor: true }, `${text} ${time}`);
}

/** The time of today, the date of any other day. */
function timeInWords(iso: string): string {
  if (iso === '') return '';
  const at = new Date(iso);
  if (at.toDateString() !== new Date().toDateString()) {
    return at.toLocaleDateString('en-GB', { day: '2-digit', month: 'short' });
  }
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}
