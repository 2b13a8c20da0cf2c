import { type Instance, render } from 'ink';
import { createElement as h } from 'react';
import type { ChatView } from '../chat-view.ts';
import { Look } from '../look.ts';
import { Screen } from '../screen.ts';
import type { ChatSession } from '../session.ts';
import { App } from './app.ts';

/** A keyboard and a screen. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly coloured: boolean;
}

/**
 * Runs a chat on the whole screen of a terminal until the user quits, and gives the terminal back as it was. Before the first room is
 * open nothing is drawn. `open` makes the session that tells the view.
 */
export async function runUi(
  open: (view: ChatView) => ChatSession,
  { stdin, stdout, coloured }: Terminal,
): Promise<void> {
  const screen = new Screen(open);
  const { session } = screen;
  const look = new Look({ coloured, me: session.me });
  let app: Instance | undefined;
  try {
    await session.run(() => {
      app = render(h(App, { screen, look }), {
        ...{ stdin, stdout, alternateScreen: true, exitOnCtrlC: false },
        // It is a terminal, whatever the environment says.
        interactive: true,
        incrementalRendering: true,
        // Nothing else writes while the chat has the screen.
        patchConsole: false,
      });
      // A screen that fails takes the chat with it; why is told below.
      app.waitUntilExit().catch(() => session.quit());
    });
  } finally {
    app?.unmount();
    await app?.waitUntilExit();
  }
}
