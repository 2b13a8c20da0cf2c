/** An option of a command. parseArgs reads the first three, people and shells the others. */
export interface OptionDescriptor {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in help, for example `USER_ID`. */
  readonly value?: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
  readonly text: string;
}

/** Options by their name without dashes. */
export type OptionDescriptors = Readonly<Record<string, OptionDescriptor>>;

/** A word after the command that says what it does. */
export interface ActionDescriptor {
  readonly name: string;
  readonly summary: string;
  /** Names of the command's options that make sense with it. */
  readonly options: readonly string[];
}

/** Everything that is known of a command without running it: help, completion and docs/cli.md are made from or compared with it. */
export interface CommandDescriptor {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What comes after the name, one way to call it each. */
  readonly usage: readonly string[];
  /** More than the summary says. */
  readonly details?: string;
  /** When there are any, the first argument is one of them. */
  readonly actions?: readonly ActionDescriptor[];
  readonly options: OptionDescriptors;
  readonly examples: readonly ExampleDescriptor[];
  /** Loads and runs it: arguments to exit code. */
  readonly run: (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;
}

/** A command line and what it is good for. */
export interface ExampleDescriptor {
  /** As typed into a shell. */
  readonly line: string;
  readonly text: string;
}
