import { useSignal } from '@preact/signals';
import type { Credentials, Person } from '../model/model.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icons.tsx';

/** Where everybody starts: a demo user by a click, or a token of one's own. */
export function SignIn(props: {
  readonly users: readonly Person[];
  /** Why it did not work the last time. */
  readonly problem: string;
  readonly onCredentials: (credentials: Credentials) => void;
}) {
  const { users, problem } = props;
  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <header class="brand">
          <span class="brand-mark">
            <Icon name="bubbles" size={30} />
          </span>
          <div>
            <h1>connect-chat</h1>
            <p>Messages that arrive once, in order, and encrypted in your browser.</p>
          </div>
        </header>
        {problem === '' ? null : (
          <p class="problem" role="alert">
            <Icon name="alert" size={18} /> {problem}
          </p>
        )}
        {users.length > 0 ? (
          <DemoUsers users={users} />
        ) : (
          <CredentialsForm onCredentials={props.onCredentials} />
        )}
      </div>
    </main>
  );
}

function DemoUsers({ users }: { readonly users: readonly Person[] }) {
  const [first, second] = users;
  return (
    <>
      <h2 class="sign-in-title">Who do you want to be?</h2>
      <ul class="people-cards">
        {users.map((user) => (
          <li key={user.id}>
            <a class="person-card" href={`/?as=${user.id}`}>
              <Avatar id={user.id} name={user.name} picture={user.avatar} size={44} />
              <span class="person-card-name">{user.name}</span>
            </a>
          </li>
        ))}
      </ul>
      {first === undefined || second === undefined ? null : (
        <a class="both-card" href={`/?as=${first.id}&with=${second.id}`}>
          <Icon name="columns" />
          <span>
            <b>
              {firstName(first)} and {firstName(second)}, side by side
            </b>
            <small>Two users in one window: see each message leave and arrive.</small>
          </span>
        </a>
      )}
    </>
  );
}

function CredentialsForm({ onCredentials }: { readonly onCredentials: (credentials: Credentials) => void }) {
  const token = useSignal('');
  const chatKey = useSignal('');
  const chatIv = useSignal('');
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        onCredentials({
          token: token.value.trim(),
          chatKey: chatKey.value.trim(),
          chatIv: chatIv.value.trim(),
        });
      }}
    >
      <h2 class="sign-in-title">Sign in with a token</h2>
      <label class="field">
        <span>Token</span>
        <textarea
          required
          rows={3}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => {
            token.value = event.currentTarget.value;
          }}
        />
      </label>
      <label class="field">
        <span>Chat key (64 hex digits)</span>
        <input
          type="password"
          autocomplete="off"
          pattern="[0-9a-fA-F]{64}"
          onInput={(event) => {
            chatKey.value = event.currentTarget.value;
          }}
        />
      </label>
      <label class="field">
        <span>Chat IV (32 hex digits)</span>
        <input
          type="password"
          autocomplete="off"
          pattern="[0-9a-fA-F]{32}"
          onInput={(event) => {
            chatIv.value = event.currentTarget.value;
          }}
        />
        <small>
          Without the keys messages stay locked. Nothing of this leaves the browser but the token.
        </small>
      </label>
      <button type="submit" class="button primary">
        Sign in
      </button>
    </form>
  );
}

function firstName({ name }: Person): string {
  return name.split(' ')[0] ?? name;
}
