import { Box, Text, useInput, usePaste, useWindowSize, type WindowSize } from 'ink';
import { createElement as h, type ReactElement, useSyncExternalStore } from 'react';
import { type Row, rowsOf } from '../layout.ts';
import type { Look } from '../look.ts';
import type { Page, Screen } from '../screen.ts';
import { Divider, StatusBar, TitleBar } from './bars.ts';
import { ConversationPane } from './conversation-pane.ts';
import { InputLine } from './input-line.ts';
import { press } from './keys.ts';
import { RoomPane } from './room-pane.ts';

/** From so many columns on the list of rooms is beside the conversation. */
const WIDE = 70;
const MIN_LIST = 24;
const MAX_LIST = 36;
/** Nothing makes sense on a smaller screen. */
const MIN_ROWS = 8;
const MIN_COLUMNS = 32;
/** Title and its line, divider, input, status. */
const OTHER_ROWS = 5;
const NARROW_NAME = 10;
const WIDE_NAME = 18;

/** The whole screen. */
export function App({ screen, look }: { readonly screen: Screen; readonly look: Look }): ReactElement {
  useSyncExternalStore(screen.subscribe, screen.version);
  const size = useWindowSize();
  const frame = frameOf(size, screen.isListToggled);
  const rows = contentRows(screen, look, frame.width - 2);
  const height = frame.height - 1;
  // What a command answers is read from its beginning.
  const end = screen.panel === undefined ? undefined : rows[height - 1]?.key;
  const page = { rows, height, bottomKey: screen.bottomKey ?? end };
  useInput((input, key) => press(input, key, screen, page));
  usePaste((text) => screen.type(text));
  if (size.rows < MIN_ROWS || size.columns < MIN_COLUMNS) return h(Text, { wrap: 'truncate' }, 'too small');
  return h(Frame, { screen, frame, page });
}

/** What is where. */
interface FrameSize {
  readonly columns: number;
  readonly rows: number;
  readonly isListShown: boolean;
  /** The list is beside the conversation. */
  readonly isSplit: boolean;
  readonly listWidth: number;
  /** Of the conversation. */
  readonly width: number;
  readonly height: number;
}

function frameOf({ columns, rows }: WindowSize, isListToggled: boolean): FrameSize {
  const isWide = columns >= WIDE;
  const isListShown = isWide !== isListToggled;
  const isSplit = isWide && isListShown;
  const listWidth = isWide ? Math.min(MAX_LIST, Math.max(MIN_LIST, Math.floor(columns * 0.3))) : columns;
  const width = isSplit ? columns - listWidth - 1 : columns;
  return { columns, rows, isListShown, isSplit, listWidth, width, height: Math.max(2, rows - OTHER_ROWS) };
}

function Frame(props: {
  readonly screen: Screen;
  readonly frame: FrameSize;
  readonly page: Page;
}): ReactElement {
  const { screen, frame, page } = props;
  const { columns, rows, isListShown, isSplit, listWidth, width, height } = frame;
  const { session } = screen;
  const { conversation, room } = session;
  const rule = (joint: string): string =>
    isSplit ? `${'─'.repeat(listWidth)}${joint}${'─'.repeat(width)}` : '─'.repeat(columns);
  const list = h(RoomPane, { rooms: session.rooms.all, openId: room?.id, width: listWidth, height });
  const typing = screen.panel === undefined ? screen.typingText : 'Esc closes this';
  return h(
    Box,
    { flexDirection: 'column', width: columns, height: rows },
    h(TitleBar, {
      me: session.people.nameOf(session.me),
      ...{ room, members: conversation?.members.count ?? 0, listWidth: isSplit ? listWidth : 0, width },
    }),
    h(Text, { dimColor: true }, rule('┼')),
    h(
      Box,
      { height },
      isListShown ? list : null,
      isSplit ? h(Box, { width: 1 }, h(Text, { dimColor: true }, Array(height).fill('│').join('\n'))) : null,
      isSplit || !isListShown ? h(ConversationPane, { page, typing, width }) : null,
    ),
    h(Divider, { screen, rule: rule('┴') }),
    h(InputLine, { line: screen.line, width: columns, row: rows - 2 }),
    h(StatusBar, { connection: session.connection, waiting: session.waiting, width: columns }),
  );
}

function contentRows(screen: Screen, look: Look, columns: number): readonly Row[] {
  const { panel, session } = screen;
  if (panel !== undefined) {
    const lines = ['', ...look.title(panel.title)(columns), ...look.table(panel.rows)(columns)];
    return lines.map((text, index) => ({ key: `panel#${index}`, text }));
  }
  const { conversation, room } = session;
  if (conversation === undefined) {
    return room === undefined ? [] : [{ key: 'loading', text: look.faint('loading …') }];
  }
  const names = conversation.items.flatMap((item) => (item.kind === 'message' ? [item.view.name] : []));
  look.align(new Set(names), columns < WIDE - MIN_LIST ? NARROW_NAME : WIDE_NAME);
  return rowsOf(conversation, look, columns, screen.asksForNumber);
}
