import { CommandError } from '../command.ts';

const BY_NAME: ReadonlyMap<string, string> = new Map([
  ['+1', '👍'],
  ['thumbsup', '👍'],
  ['-1', '👎'],
  ['heart', '❤️'],
  ['joy', '😂'],
  ['smile', '😄'],
  ['grin', '😁'],
  ['wink', '😉'],
  ['thinking', '🤔'],
  ['cry', '😢'],
  ['open_mouth', '😮'],
  ['rage', '😡'],
  ['pray', '🙏'],
  ['clap', '👏'],
  ['wave', '👋'],
  ['muscle', '💪'],
  ['ok', '👌'],
  ['fire', '🔥'],
  ['rocket', '🚀'],
  ['tada', '🎉'],
  ['eyes', '👀'],
  ['100', '💯'],
  ['coffee', '☕'],
  ['check', '✅'],
  ['x', '❌'],
]);

/** The emoji that a `:name:` stands for; anything else stands for itself. Throws a CommandError that lists the names. */
export function emojiOf(text: string): string {
  const name = /^:(.+):$/.exec(text)?.[1];
  if (name === undefined) return text;
  const found = BY_NAME.get(name);
  if (found === undefined)
    throw new CommandError(`there is no ${text}, but :${[...BY_NAME.keys()].join(': :')}:`);
  return found;
}
