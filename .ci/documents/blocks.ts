/** A shell block of a document, or what one prints, and the word in the comment before it that says what to do with it. */
export interface Block {
  readonly how: string;
  readonly text: string;
}

/** The blocks after a comment `<!-- ci: … -->`, in order. Throws when there is such a comment without a block. */
export function blocksOf(document: string): readonly Block[] {
  const blocks = [...document.matchAll(/^<!-- ci: (.+) -->\n```\w+\n([\s\S]*?)^```$/gm)];
  const comments = document.match(/<!-- ci:/g) ?? [];
  if (blocks.length !== comments.length) throw new Error('a comment "ci: …" has no block right after it');
  return blocks.map(([, how = '', text = '']) => ({ how, text }));
}

/** White space counts as such, whatever its length; `…` stands for anything. `whole`: nothing may be before or after it. */
export function matches(printed: string, expected: string, whole: boolean): boolean {
  const pattern = expected
    .trim()
    .split('…')
    .map((part) =>
      part
        .split(/\s+/)
        .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('\\s*'),
    )
    .join('[\\s\\S]*?');
  return new RegExp(whole ? `^${pattern}$` : pattern).test(printed.trim());
}
