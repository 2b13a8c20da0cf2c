import { stripVTControlCharacters } from 'node:util';

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Text of others without anything that could steer the terminal; line breaks and tabs become spaces. */
export function harmless(text: string): string {
  return stripVTControlCharacters(text.replace(/[\t\n\r]+/g, ' ')).replace(/[\p{Cc}\p{Bidi_Control}]/gu, '');
}

/** The text in characters as people count them. */
export function graphemes(text: string): string[] {
  return Array.from(GRAPHEMES.segment(text), ({ segment }) => segment);
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
  const fitting = cut(text, columns);
  return fitting + ' '.repeat(Math.max(0, columns - textWidth(fitting)));
}

/** Cuts with an ellipsis when the text is wider than that many columns. */
export function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  return columns < 1 ? '' : `${take(text, columns - 1)}…`;
}

/**
 * Breaks text between words, or within one that is too long, into lines of at most that many columns; at least one line.
 * A single character is never broken.
 */
export function wrap(text: string, width: number): string[] {
  const columns = Math.max(1, width);
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
      // At least one character, so that it always gets on.
      const head = take(line, columns) || (graphemes(line)[0] ?? '');
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return [...lines, line.trimEnd()];
}

/** The longest beginning that is not wider. */
function take(text: string, columns: number): string {
  let taken = '';
  let width = 0;
  for (const one of graphemes(text)) {
    width += graphemeWidth(one);
    if (width > columns) break;
    taken += one;
  }
  return taken;
}

/** As the terminal library of the full screen counts them: emoji and East Asian wide characters take two columns. */
function graphemeWidth(grapheme: string): number {
  const visible = grapheme.replace(INVISIBLE, '');
  if (visible === '') return 0;
  if (/^(\p{Emoji_Presentation}|\p{RGI_Emoji}$)/v.test(grapheme)) return 2;
  const [first = '', ...others] = visible;
  // A vowel sign beside its consonant, a voiced sound mark.
  const beside = others.filter((one) => /[\p{Mc}\uff00-\uffef]/u.test(one));
  return codeWidth(first) + beside.length;
}

const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Mn}\p{Me}\p{Cs}]+/u;

/** Blocks of wide characters, first and last. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2630, 0x2637],
  [0x268a, 0x268f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x1b2ff],
  [0x1d300, 0x1d376],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

function codeWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}
