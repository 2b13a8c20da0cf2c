import { Box, Text } from 'ink';
import { createElement as h, type ReactElement } from 'react';
import { windowOf } from '../layout.ts';
import type { Page } from '../screen.ts';

/** What was said, or what a command answered: a page of it, and below who is typing. */
export function ConversationPane(props: {
  readonly page: Page;
  readonly typing: string;
  readonly width: number;
}): ReactElement {
  const { page, typing, width } = props;
  const { rows, below } = windowOf(page.rows, page.height, page.bottomKey);
  const more = below > 0 ? `↓ ${below} more rows: PageDown; Esc goes back` : '';
  return h(
    Box,
    { flexDirection: 'column', width, height: page.height + 1, paddingLeft: 1, overflow: 'hidden' },
    h(
      Box,
      { flexDirection: 'column', justifyContent: 'flex-end', height: page.height },
      // An empty text would take no row.
      ...rows.map(({ key, text }) => h(Text, { key, wrap: 'truncate' }, text === '' ? ' ' : text)),
    ),
    below > 0
      ? h(Text, { color: 'yellow', wrap: 'truncate' }, more)
      : h(Text, { color: 'green', italic: true, wrap: 'truncate' }, typing === '' ? ' ' : typing),
  );
}
