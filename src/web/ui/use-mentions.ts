import { useSignal } from '@preact/signals';
import type { Member } from '../model/model.ts';
import { candidates, type MentionQuery, mentionAt } from './mention-search.ts';

/** Who is offered while a name is typed after an @. */
export interface Mentions {
  /** Empty: none is being typed. */
  readonly offered: readonly Member[];
  /** Which of them Enter takes. */
  readonly choice: number;
  /** Looks for a mention at the caret. */
  look(text: string, caret: number): void;
  close(): void;
  /** Whether the key was meant for the list; what it takes is picked. */
  onKey(key: string): boolean;
  /** Puts the member's name in place of what was typed. */
  pick(member: Member): void;
}

/** Offers members other than the caller; `replace` puts a text in place of a part of the field's. */
export function useMentions(
  members: readonly Member[],
  callerId: number,
  replace: (start: number, end: number, text: string) => void,
): Mentions {
  const query = useSignal<MentionQuery | undefined>(undefined);
  const choice = useSignal(0);
  const offered = candidates(members, query.value, callerId);
  const close = (): void => {
    query.value = undefined;
  };
  const pick = (member: Member): void => {
    const at = query.value;
    close();
    if (at !== undefined) replace(at.start, at.end, `@${member.name} `);
  };
  return {
    offered,
    choice: choice.value,
    look(text, caret) {
      query.value = mentionAt(text, caret);
      choice.value = 0;
    },
    close,
    onKey(key) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[key];
      const member = offered[choice.value];
      if (member === undefined) return false;
      if (step !== undefined) choice.value = (choice.value + step + offered.length) % offered.length;
      else if (key === 'Enter' || key === 'Tab') pick(member);
      else if (key === 'Escape') close();
      else return false;
      return true;
    },
    pick,
  };
}
