import { Box, Text } from 'ink';
import { createElement as h, type ReactElement, useEffect, useState } from 'react';
import { COMMAND_HELP } from '../commands.ts';
import type { Connection } from '../link.ts';
import type { RoomEntry } from '../room-list.ts';
import type { Screen } from '../screen.ts';
import { cut, padTo, textWidth } from '../text.ts';

/** Column of what a divider says. */
const LABEL_AT = 2;
const MOODS = { good: 'green', bad: 'yellow', plain: 'white' } as const;

/** Above the list of rooms who the user is, and beside it the name of the open room and what kind of room it is. */
export function TitleBar(props: {
  readonly me: string;
  readonly room: RoomEntry | undefined;
  readonly members: number;
  /** Columns of the list; 0: it is not beside the conversation. */
  readonly listWidth: number;
  readonly width: number;
}): ReactElement {
  const { me, room, members, listWidth, width } = props;
  const name = room === undefined ? 'no room: /new USER_ID makes one' : cut(room.name, width - 2);
  const about = room === undefined ? '' : room.type === 'p2p' ? 'direct' : `${room.type}, ${members} members`;
  return h(
    Box,
    { height: 1 },
    listWidth === 0 ? null : h(Text, { bold: true }, padTo(`  ${me}`, listWidth)),
    listWidth === 0 ? null : h(Text, { dimColor: true }, '│'),
    h(
      Text,
      { wrap: 'truncate' },
      h(Text, { bold: true, color: 'cyan' }, ` ${name}`),
      h(Text, { dimColor: true }, `  ${about}`),
    ),
  );
}

/** The line above the input: what the next line is about, or news, or what commands there are. */
export function Divider(props: { readonly screen: Screen; readonly rule: string }): ReactElement {
  const { rule } = props;
  const { text, color } = dividerText(props.screen);
  const label = text === '' ? '' : ` ${cut(text, rule.length - 2 * LABEL_AT)} `;
  return h(
    Box,
    { height: 1 },
    h(Text, { dimColor: true }, rule.slice(0, LABEL_AT)),
    h(Text, { color }, label),
    h(Text, { dimColor: true }, rule.slice(LABEL_AT + textWidth(label))),
  );
}

function dividerText({ session, news, line }: Screen): { readonly text: string; readonly color: string } {
  const { target } = session;
  if (news !== undefined) return { text: news.text, color: MOODS[news.mood] };
  if (target !== undefined) {
    const { name, text = '🔒' } = target.message.view;
    const what = target.kind === 'edit' ? `editing: ${text}` : `replying to ${name}: ${text}`;
    return { text: `${what}  (Esc gives up)`, color: 'cyan' };
  }
  const [, command] = /^(\/\w*)/.exec(line.text) ?? [];
  if (command === undefined) return { text: '', color: 'white' };
  const usages = COMMAND_HELP.filter(([usage]) => usage.startsWith(command)).map(([usage]) => usage);
  return { text: usages.join('  '), color: 'cyan' };
}

/** How the connection is, what waits, and which keys there are. */
export function StatusBar(props: {
  readonly connection: Connection;
  readonly waiting: number;
  readonly width: number;
}): ReactElement {
  const { connection, waiting, width } = props;
  const seconds = useSecondsUntil(connection.status === 'offline' ? connection.retryAt : undefined);
  const { text, color } = connectionText(connection.status, seconds);
  const queue = waiting === 0 ? '' : `  … ${waiting} waiting`;
  const left = ` ● ${text}${queue}`;
  const hint = ['Tab rooms · PgUp history · Ctrl-G unread · /help ', '/help '].find(
    (keys) => textWidth(left) + textWidth(keys) + 2 <= width,
  );
  return h(
    Box,
    { width, height: 1, justifyContent: 'space-between' },
    h(Text, { wrap: 'truncate' }, h(Text, { color }, ` ● ${text}`), h(Text, { color: 'yellow' }, queue)),
    h(Text, { dimColor: true }, hint ?? ''),
  );
}

function connectionText(
  status: Connection['status'],
  seconds: number,
): { readonly text: string; readonly color: string } {
  if (status === 'online') return { text: 'online', color: 'green' };
  if (status === 'connecting') return { text: 'connecting …', color: 'yellow' };
  return { text: `reconnecting in ${seconds} s`, color: 'red' };
}

/** Whole seconds until then, counted down. */
function useSecondsUntil(then: number | undefined): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (then === undefined) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [then]);
  return then === undefined ? 0 : Math.max(0, Math.ceil((then - now) / 1_000));
}
