import { stripVTControlCharacters } from 'node:util';

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Text of others without anything that could steer the terminal; line breaks and tabs become spaces. */
export function harmless(text: string): string {
  return stripVTControlCharacters(text.replace(/[\t\n\r]+/g, ' ')).replace(/[\p{Cc}\p{Bidi_Control}]/gu, '');
}

/** Columns that the text takes on a terminal; colours take none. */
export function textWidth(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[\u0020-\u007e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(plain)) width += graphemeWidth(segment);
  return width;
}

/** Fills up with spaces, or cuts with an ellipsis, to exactly that many columns. */
export function padTo(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text + ' '.repeat(columns - textWidth(text));
  return padTo(`${take(text, columns - 1)}…`, columns);
}

/** Cuts with an ellipsis when the text is wider than that many columns. */
export function cut(text: string, columns: number): string {
  return textWidth(text) <= columns ? text : `${take(text, columns - 1)}…`;
}

/** Breaks text between words, or within one that is too long, into lines of at most that many columns; at least one line. */
export function wrap(text: string, columns: number): string[] {
  if (textWidth(text) <= columns) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<= )/)) {
    if (textWidth((line + word).trimEnd()) <= columns) {
      line += word;
      continue;
    }
    if (line !== '') lines.push(line.trimEnd());
    line = word;
    while (textWidth(line.trimEnd()) > columns) {
      const head = take(line, columns);
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return [...lines, line.trimEnd()];
}

/** The longest beginning that is not wider; at least one character, so that it always gets on. */
function take(text: string, columns: number): string {
  let taken = '';
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text)) {
    width += graphemeWidth(segment);
    if (width > columns && taken !== '') break;
    taken += segment;
  }
  return taken;
}

/** Emoji and East Asian wide characters take two columns. */
function graphemeWidth(grapheme: string): number {
  if (/^\p{Emoji_Presentation}|\ufe0f/u.test(grapheme)) return 2;
  const code = grapheme.codePointAt(0) ?? 0;
  if (/^[\p{Mark}\u200b-\u200d]/u.test(grapheme)) return 0;
  const isWide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf && code !== 0x303f) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0xffe0 && code <= 0xffe6) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return isWide ? 2 : 1;
}
