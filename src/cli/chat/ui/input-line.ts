import { Box, Text, useCursor } from 'ink';
import { createElement as h, type ReactElement } from 'react';
import type { Line } from '../line-editor.ts';
import { graphemes, textWidth } from '../text.ts';

const PROMPT = ' › ';

/** The line that is being typed, the part around the cursor when it is longer than the screen is wide. */
export function InputLine(props: {
  readonly line: Line;
  readonly width: number;
  /** Where on the screen it is, counted from the top. */
  readonly row: number;
}): ReactElement {
  const { line, width, row } = props;
  const { setCursorPosition } = useCursor();
  const space = width - textWidth(PROMPT) - 1;
  const left = lastFitting(line.text.slice(0, line.cursor), space);
  const right = line.text.slice(line.cursor);
  setCursorPosition({ x: textWidth(PROMPT) + textWidth(left), y: row });
  return h(
    Box,
    { height: 1, width },
    h(Text, { wrap: 'truncate' }, h(Text, { bold: true, color: 'cyan' }, PROMPT), left, right),
  );
}

/** The end of the text that fits. */
function lastFitting(text: string, columns: number): string {
  let width = textWidth(text);
  let from = 0;
  for (const one of graphemes(text)) {
    if (width <= columns) break;
    width -= textWidth(one);
    from += one.length;
  }
  return text.slice(from);
}
