import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ChatModel, Credentials, Person, Sessions } from '../model/model.ts';
import { Avatar } from './avatar.tsx';
import { useAtStart } from './hooks.ts';
import { Pane } from './pane.tsx';
import { createPane, type PaneState } from './pane-state.ts';
import { SignIn } from './sign-in.tsx';

type Stage =
  | { readonly kind: 'loading' }
  | { readonly kind: 'sign-in'; readonly users: readonly Person[]; readonly problem: string }
  | { readonly kind: 'chat'; readonly panes: readonly PaneState[] };

/** The page: signing in, or the chat of one user, or of two side by side (`?as=1&with=2`). */
export function App({ sessions, query }: { readonly sessions: Sessions; readonly query: URLSearchParams }) {
  const stage = useSignal<Stage>({ kind: 'loading' });
  const users = useSignal<readonly Person[]>([]);
  const enter = async (...who: readonly (number | Credentials)[]): Promise<void> => {
    try {
      const models = await Promise.all(who.map((one) => sessions.signIn(one)));
      stage.value = { kind: 'chat', panes: models.map(createPane) };
      await openTheirRoom(models);
    } catch (error) {
      stage.value = { kind: 'sign-in', users: users.value, problem: reasonOf(error) };
    }
  };
  useAtStart(() => {
    const start = async (): Promise<void> => {
      try {
        users.value = (await sessions.readSetup()).demoUsers;
      } catch (error) {
        stage.value = { kind: 'sign-in', users: [], problem: reasonOf(error) };
        return;
      }
      const who = usersIn(query);
      if (who.length > 0) await enter(...who);
      else stage.value = { kind: 'sign-in', users: users.value, problem: '' };
    };
    void start();
  });
  const now = stage.value;
  if (now.kind === 'loading') return <Loading />;
  if (now.kind === 'sign-in') {
    return (
      <SignIn
        users={now.users}
        problem={now.problem}
        onCredentials={(credentials) => void enter(credentials)}
      />
    );
  }
  return <Panes panes={now.panes} />;
}

/** The same as in index.html, so that nothing moves. */
function Loading() {
  return (
    <div class="loading" role="status" aria-label="Loading">
      <span class="loading-mark" />
    </div>
  );
}

/** Two of them stand side by side, or behind tabs where the window is narrow. */
function Panes({ panes }: { readonly panes: readonly PaneState[] }) {
  const shown = useSignal(0);
  useTitle(panes);
  return (
    <main class={panes.length > 1 ? 'panes two' : 'panes'}>
      {panes.length > 1 ? (
        <nav class="pane-tabs" aria-label="Whose chat is shown">
          {panes.map(({ model }, index) => (
            <button
              key={model.me.id}
              type="button"
              class="pane-tab"
              aria-pressed={shown.value === index}
              onClick={() => {
                shown.value = index;
              }}
            >
              <Avatar id={model.me.id} name={model.me.name} picture={model.me.avatar} size={24} />
              {model.me.name}
            </button>
          ))}
        </nav>
      ) : null}
      {panes.map((pane, index) => (
        <Pane key={pane.model.me.id} pane={pane} isShown={shown.value === index} />
      ))}
    </main>
  );
}

function useTitle(panes: readonly PaneState[]): void {
  const unread = panes
    .flatMap(({ model }) => model.allRooms.value)
    .reduce((sum, room) => sum + (room.isMuted ? 0 : room.unread), 0);
  const names = panes.map(({ model }) => model.me.name).join(' and ');
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ''}${names} · connect-chat`;
  }, [unread, names]);
}

/** Opens the room of two people who are here together in both halves. */
async function openTheirRoom([first, second]: readonly ChatModel[]): Promise<void> {
  if (first === undefined || second === undefined) return;
  const roomId = await first.createRoom({ kind: 'p2p', name: '', description: '', members: [second.me.id] });
  await Promise.all([first.open(roomId), second.open(roomId)]);
}

function usersIn(query: URLSearchParams): number[] {
  const ids = [query.get('as'), query.get('with')].map((text) => Number(text ?? ''));
  const [as = 0, other = 0] = ids.map((id) => (Number.isInteger(id) && id > 0 ? id : 0));
  if (as === 0) return [];
  return other === 0 || other === as ? [as] : [as, other];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Signing in did not work.';
}
