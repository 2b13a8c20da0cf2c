import type { ReadStream, WriteStream } from 'node:tty';
import { PlainScreen } from './plain-screen.ts';
import { TerminalScreen } from './terminal-screen.ts';

/** Lines of text for a screen of that many columns. */
export type Render = (columns: number) => readonly string[];

/** Something that was added to a screen. */
export interface Block {
  /** Shows it anew; false when it has left the screen, where it can't be changed any more. */
  update(render: Render): boolean;
}

/** Where the conversation is shown and lines are typed. */
export interface Screen {
  /** Adds lines after everything else, above what is being typed. */
  add(render: Render): Block;
  /** The one line between the conversation and the prompt; empty: none. */
  setStatus(text: string): void;
  /** Gives the terminal back. May be called twice. */
  close(): void;
}

/** What the user does. */
export interface ScreenEvents {
  /** A line was entered. */
  line(text: string): void;
  /** A line is being typed. */
  typing(): void;
  /** Ctrl-C, Ctrl-D, or the end of the input. */
  end(): void;
}

/** The kind of stream that a process has. */
export type Input = NodeJS.ReadableStream | ReadStream;
export type Output = NodeJS.WritableStream | WriteStream;

/** A prompt that stays below the conversation on a terminal; else plain lines in and out. */
export function openScreen(input: Input, output: Output, prompt: string, events: ScreenEvents): Screen {
  const isTerminal = 'isTTY' in input && input.isTTY && 'isTTY' in output && output.isTTY;
  return isTerminal
    ? new TerminalScreen(input, output, prompt, events)
    : new PlainScreen(input, output, events);
}
