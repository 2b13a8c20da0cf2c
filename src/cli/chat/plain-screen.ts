import { createInterface, type Interface } from 'node:readline';
import type { Block, Input, Output, Render, Screen, ScreenEvents } from './screen.ts';

/** For scripts: one line out for everything that happens, one line in for everything that is said. */
export class PlainScreen implements Screen {
  readonly #lines: Interface;
  readonly #output: Output;

  constructor(input: Input, output: Output, events: ScreenEvents) {
    this.#output = output;
    this.#lines = createInterface({ input, terminal: false });
    this.#lines.on('line', (text) => events.line(text));
    this.#lines.once('close', () => events.end());
  }

  add(render: Render): Block {
    this.#write(render);
    return {
      update: (changed) => {
        this.#write(changed);
        return true;
      },
    };
  }

  setStatus(text: string): void {
    if (text !== '') this.#write(() => [text]);
  }

  close(): void {
    this.#lines.close();
  }

  #write(render: Render): void {
    this.#output.write(`${render(Number.POSITIVE_INFINITY).join('\n')}\n`);
  }
}
