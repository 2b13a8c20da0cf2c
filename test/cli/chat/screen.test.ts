import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Block, openScreen, type Screen, type ScreenEvents } from '../../../src/cli/chat/screen.ts';
import { MiniTerminal } from '../../support/mini-terminal.ts';

describe('the screen on a terminal', () => {
  let screen: Screen | undefined;
  afterEach(() => screen?.close());

  it('keeps what is being typed below what comes in', async () => {
    const { terminal, add } = open();
    await type(terminal, 'hello');
    add('first');
    add('second');
    expect(terminal.text()).toBe('first\nsecond\n› hello');
    await type(terminal, ' there');
    expect(terminal.text()).toBe('first\nsecond\n› hello there');
  });

  it('keeps a typed line of several rows', async () => {
    const { terminal, add } = open({}, 10);
    await type(terminal, 'a line that is longer than the screen');
    for (const text of ['one', 'two', 'three']) add(text);
    expect(terminal.text().startsWith('one\ntwo\nthree\n› a line')).toBe(true);
    expect(terminal.text().replaceAll('\n', '')).toBe('onetwothree› a line that is longer than the screen');
  });

  it('replaces an entered line by what is made of it', async () => {
    const lines: string[] = [];
    const { terminal, add } = open({
      line(text) {
        lines.push(text);
        add(`you: ${text}`);
      },
    });
    await type(terminal, 'hello\r');
    expect(terminal.text()).toBe('you: hello\n›');
    await type(terminal, 'a second line that is wider than this screen of forty columns is\r');
    expect(lines).toHaveLength(2);
    expect(terminal.text().split('\n')[0]).toBe('you: hello');
    expect(terminal.text().endsWith('\n›')).toBe(true);
    expect(terminal.text().match(/a second line/g)).toHaveLength(1);
  });

  it('has one line of status above the prompt, only while there is one', async () => {
    const { terminal, add, ...opened } = open();
    await type(terminal, 'hi');
    opened.screen.setStatus('Ben is typing …');
    expect(terminal.text()).toBe('Ben is typing …\n› hi');
    add('Ben: hello');
    expect(terminal.text()).toBe('Ben: hello\nBen is typing …\n› hi');
    opened.screen.setStatus('');
    expect(terminal.text()).toBe('Ben: hello\n› hi');
  });

  it('changes lines in place while they are on the screen', async () => {
    const { terminal, add } = open({}, 40, 6);
    const first = add('✓ first');
    add('second');
    await type(terminal, 'typed');
    expect(first.update(() => ['✓✓ first', 'and more'])).toBe(true);
    expect(terminal.text()).toBe('✓✓ first\nand more\nsecond\n› typed');
    for (let n = 0; n < 6; n += 1) add(`line ${n}`);
    expect(first.update(() => ['gone'])).toBe(false);
    expect(terminal.text()).not.toContain('gone');
  });

  it('draws everything anew for another size', () => {
    const { terminal, add } = open();
    add('first');
    terminal.resize(20, 10);
    add('second');
    expect(terminal.text().split('\n').slice(-3)).toEqual(['first', 'second', '›']);
  });

  it('shows each line once, in order, whatever happens between', async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('add' as const),
        text: fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 45 }),
      }),
      fc.record({ do: fc.constant('status' as const), text: fc.constantFrom('', 'typing …') }),
      fc.record({
        do: fc.constant('type' as const),
        text: fc.string({ unit: fc.constantFrom('x', 'y'), minLength: 1, maxLength: 45 }),
      }),
      fc.record({
        do: fc.constant('update' as const),
        text: fc.constantFrom('changed', 'two rows '.repeat(4)),
      }),
      fc.record({ do: fc.constant('enter' as const), text: fc.constant('') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const shown: string[] = [];
        let typed = '';
        let status = '';
        const opened = open(
          {
            line(text) {
              shown.push(`you ${text}`);
              opened.add(`you ${text}`);
            },
          },
          20,
          60,
        );
        let last: Block | undefined;
        for (const { do: what, text } of steps) {
          if (what === 'add') {
            last = opened.add(`- ${text}`);
            shown.push(`- ${text}`);
          } else if (what === 'status') {
            opened.screen.setStatus(text);
            status = text;
          } else if (what === 'type') {
            await type(opened.terminal, text);
            typed += text;
          } else if (what === 'enter') {
            await type(opened.terminal, '\r');
            typed = '';
            last = undefined;
          } else if (last !== undefined) {
            last.update(() => [`- ${text.trim()}`]);
            shown[shown.length - 1] = `- ${text.trim()}`;
          }
        }
        const flat = [...shown, ...(status === '' ? [] : [status]), `› ${typed}`]
          .join('')
          .replaceAll(' ', '');
        expect(opened.terminal.text().replaceAll(/[ \n]/g, '')).toBe(flat);
        opened.screen.close();
      }),
      { numRuns: 200 },
    );
  });

  function open(events: Partial<ScreenEvents> = {}, columns = 40, rows = 20) {
    const terminal = new MiniTerminal(columns, rows);
    const handlers = { line: () => {}, typing: () => {}, end: () => {}, ...events };
    const opened = openScreen(terminal.input, terminal.output, '› ', handlers);
    screen = opened;
    return { terminal, screen: opened, add: (text: string): Block => opened.add(() => [text]) };
  }
});

/** readline handles the keys before this resolves. */
async function type(terminal: MiniTerminal, text: string): Promise<void> {
  terminal.type(text);
  await new Promise((resolve) => setImmediate(resolve));
}
