import type { MessageView } from '../model/model.ts';

const LINK = /https?:\/\/[^\s<>"']*[^\s<>"'.,:;!?)\]]/gu;
const EMOJI_ONLY =
  /^(?:\p{Extended_Pictographic}(?:\u200d|\ufe0f|\p{Emoji_Modifier}|\p{Extended_Pictographic})*\s*){1,3}$/u;

/** Whether a text is one to three emoji and nothing else; such are shown big. */
export function isOnlyEmoji(text: string): boolean {
  return text.length < 40 && EMOJI_ONLY.test(text);
}

/** A message's text with links and mentions marked; nothing of it is taken for HTML. */
export function MessageText({ text, mentions }: Pick<MessageView, 'mentions'> & { readonly text: string }) {
  return (
    <span class="text" dir="auto">
      {partsOf(text, mentions).map(({ kind, at, text: part }) => {
        if (kind === 'mention') return <mark key={at}>{part}</mark>;
        if (kind === 'link') {
          return (
            <a key={at} href={part} target="_blank" rel="noopener noreferrer">
              {part}
            </a>
          );
        }
        return part;
      })}
    </span>
  );
}

interface Part {
  readonly kind: 'plain' | 'mention' | 'link';
  /** Where it begins. */
  readonly at: number;
  readonly text: string;
}

function partsOf(text: string, mentions: MessageView['mentions']): Part[] {
  // The longer first: one name may begin with another.
  const tags = mentions
    .map(({ tag }) => tag)
    .filter((tag) => tag !== '')
    .sort((a, b) => b.length - a.length);
  const pattern =
    tags.length === 0 ? LINK : new RegExp(`${LINK.source}|${tags.map(escapePattern).join('|')}`, 'gu');
  const parts: Part[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push({ kind: 'plain', at: from, text: text.slice(from, match.index) });
    parts.push({ kind: tags.includes(match[0]) ? 'mention' : 'link', at: match.index, text: match[0] });
    from = match.index + match[0].length;
  }
  return [...parts, { kind: 'plain', at: from, text: text.slice(from) }];
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
