import type { Member } from '../model/model.ts';

const MAX_CANDIDATES = 6;

/** What stands after the @ before the caret, and where. */
export interface MentionQuery {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** The mention that is being typed at the caret, if there is one. */
export function mentionAt(text: string, caret: number): MentionQuery | undefined {
  const name = /(?:^|\s)@([\p{L}\p{N}]*)$/u.exec(text.slice(0, caret))?.[1];
  return name === undefined ? undefined : { start: caret - name.length - 1, end: caret, name };
}

/** Members, without the caller, of whose names a word begins like that. */
export function candidates(
  members: readonly Member[],
  query: MentionQuery | undefined,
  callerId: number,
): readonly Member[] {
  if (query === undefined) return [];
  const wanted = query.name.toLowerCase();
  const matches = ({ name }: Member): boolean =>
    name
      .toLowerCase()
      .split(/\s+/)
      .some((word) => word.startsWith(wanted));
  return members.filter((member) => member.id !== callerId && matches(member)).slice(0, MAX_CANDIDATES);
}

/** The mentions that a text has. */
export function mentionsIn(text: string, members: readonly Member[]): { tag: string; userId: number }[] {
  return members
    .map(({ id, name }) => ({ tag: `@${name}`, userId: id }))
    .filter(({ tag }) => text.includes(tag));
}
