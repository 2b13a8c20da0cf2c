import type { CommandDescriptor } from '../descriptor.ts';

/** `completion` */
export const COMPLETION = {
  name: 'completion',
  summary: 'prints a script that completes commands and options in a shell',
  usage: ['bash | zsh | fish'],
  details: `For connect-chat, and for npx connect-chat in bash.`,
  actions: [
    { name: 'bash', summary: 'source <(npx connect-chat completion bash)', options: [] },
    { name: 'zsh', summary: 'npx connect-chat completion zsh > "$fpath[1]/_connect-chat"', options: [] },
    {
      name: 'fish',
      summary: 'npx connect-chat completion fish > ~/.config/fish/completions/connect-chat.fish',
      options: [],
    },
  ],
  options: {},
  examples: [{ line: 'source <(npx connect-chat completion bash)', text: 'in this shell' }],
  run: async (argv): Promise<number> => await (await import('../completion.ts')).runCompletion(argv),
} as const satisfies CommandDescriptor;
