import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ConversationView, MessageView } from '../model/model.ts';
import { Icon } from './icons.tsx';
import { Message } from './message.tsx';
import { usePane } from './pane-state.ts';
import { dayText, isSameDay } from './time.ts';
import { useScroll } from './use-scroll.ts';

const GROUP_MS = 5 * 60_000;
const MAX_PAGES_TO_A_QUOTE = 40;
const LOAD_AHEAD = '600px 0px';

/** The messages of the open room; stays at the newest, and where the reader is when older ones come. */
export function MessageList({ view }: { readonly view: ConversationView }) {
  const { messages } = view;
  const firstNew = firstNewOf(view);
  const scroll = useScroll(messages);
  const { shown, start, hasAfter, up, down } = scroll.window;
  const stop = useSignal<string | undefined>(undefined);
  const jump = useJumpToMessage(scroll);
  const at =
    stop.value !== undefined && shown.some(({ key }) => key === stop.value) ? stop.value : shown.at(-1)?.key;
  return (
    <div class="messages-frame">
      <div class="messages" ref={scroll.element} onScroll={scroll.onScroll}>
        <div
          class="messages-content"
          role="log"
          aria-label="Messages"
          aria-live="polite"
          onKeyDown={moveBetweenMessages}
        >
          {start > 0 ? <Edge at={shown[0]?.key} onReach={up} /> : <OlderMessages view={view} />}
          {shown.map((message, index) => (
            <Entry
              key={message.key}
              view={view}
              message={message}
              before={messages[start + index - 1]}
              after={messages[start + index + 1]}
              isFirstNew={message.key === firstNew}
              isStop={message.key === at}
              onFocus={() => {
                stop.value = message.key;
              }}
              onQuote={jump}
            />
          ))}
          {hasAfter ? (
            <Edge at={shown.at(-1)?.key} onReach={down} />
          ) : (
            <TypingBubble names={view.room.typing} />
          )}
        </div>
      </div>
      {scroll.isAtEnd.value ? null : (
        <button
          type="button"
          class="to-newest"
          aria-label={newestLabel(scroll.missed.value)}
          onClick={scroll.toEnd}
        >
          <Icon name="down" />
          {scroll.missed.value > 0 ? <span class="badge">{scroll.missed.value}</span> : null}
        </button>
      )}
    </div>
  );
}

interface EntryProps {
  readonly view: ConversationView;
  readonly message: MessageView;
  readonly before: MessageView | undefined;
  readonly after: MessageView | undefined;
  /** The first that the reader had not read on coming here. */
  readonly isFirstNew: boolean;
  readonly isStop: boolean;
  readonly onFocus: () => void;
  readonly onQuote: (messageId: string) => void;
}

/** A message with the lines that stand above it: a new day, the first new one. */
function Entry({ view, message, before, after, isFirstNew, isStop, onFocus, onQuote }: EntryProps) {
  const startsDay = before === undefined || !isSameDay(before.at, message.at);
  return (
    <>
      {startsDay ? (
        <p class="day">
          <span>{dayText(message.at)}</span>
        </p>
      ) : null}
      {isFirstNew ? (
        <p class="new-line">
          <span>New messages</span>
        </p>
      ) : null}
      {message.kind === 'system' ? (
        <p class="system" data-key={message.key}>
          <span>{message.text}</span>
        </p>
      ) : (
        <Message
          message={message}
          room={view.room}
          isFirst={startsDay || isFirstNew || !belongsTo(before, message)}
          isLast={!belongsTo(message, after) || !isSameDay(message.at, after?.at ?? message.at)}
          isStop={isStop}
          onFocus={onFocus}
          onQuote={onQuote}
        />
      )}
    </>
  );
}

/** Where more messages follow: says so before the reader gets there. `at`: the message beside it, or what else makes it another edge. */
function Edge(props: { readonly at: string | undefined; readonly onReach: () => void }) {
  const { at, onReach } = props;
  const ref = useRef<HTMLDivElement>(null);
  const reach = useRef(onReach);
  reach.current = onReach;
  useEffect(() => {
    const element = ref.current;
    if (element === null || at === undefined) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.at(-1)?.isIntersecting === true) reach.current();
      },
      { root: element.closest('.messages'), rootMargin: LOAD_AHEAD },
    );
    observer.observe(element);
    return () => observer.disconnect();
    // Observed anew after each page: the next may have to come at once.
  }, [at]);
  return <div ref={ref} class="edge" />;
}

/** Asks for older ones; what could not be loaded is asked for again when the reader comes back to it, or the connection does. */
function OlderMessages({ view }: { readonly view: ConversationView }) {
  const { model, run } = usePane();
  const { messages, hasOlder, isLoading, hasFailed } = view;
  const first = messages[0]?.key;
  return (
    <>
      {hasOlder && first !== undefined ? (
        <Edge at={`${first} ${model.connection.value.state}`} onReach={() => void run(model.loadOlder())} />
      ) : null}
      {isLoading ? <div class="spinner" role="status" aria-label="Loading messages" /> : null}
      {isLoading || hasOlder ? null : (
        <p class="beginning">
          <Icon name={hasFailed ? 'alert' : 'lock'} size={14} />
          {hasFailed
            ? 'The messages can’t be loaded at the moment.'
            : messages.length === 0
              ? 'No messages yet. Say hello.'
              : 'The beginning of this conversation.'}
        </p>
      )}
    </>
  );
}

function TypingBubble({ names }: { readonly names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <div class="typing-bubble" role="status">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span>
        {names.join(', ')} {names.length === 1 ? 'is' : 'are'} typing
      </span>
    </div>
  );
}

/** Scrolls to a message, and loads what is between. */
function useJumpToMessage(
  scroll: Pick<ReturnType<typeof useScroll>, 'element' | 'toMessage'>,
): (messageId: string) => void {
  const pane = usePane();
  // While pages are loaded the list is drawn anew.
  const latest = useRef(scroll);
  latest.current = scroll;
  const jump = async (messageId: string): Promise<void> => {
    const { model } = pane;
    const target = (): MessageView | undefined =>
      model.conversation.peek()?.messages.find(({ id }) => id === messageId);
    for (let page = 0; page < MAX_PAGES_TO_A_QUOTE && target() === undefined; page += 1) {
      if (model.conversation.peek()?.hasOlder !== true) break;
      await model.loadOlder();
    }
    await new Promise(requestAnimationFrame);
    const key = target()?.key ?? '';
    latest.current.toMessage(key);
    await new Promise(requestAnimationFrame);
    const element = latest.current.element.current?.querySelector<HTMLElement>(
      `[data-key="${CSS.escape(key)}"]`,
    );
    if (element === null || element === undefined) {
      pane.notify('That message is not here any more.');
      return;
    }
    element.scrollIntoView({ block: 'center' });
    element.focus({ preventScroll: true });
    element.classList.remove('flash');
    requestAnimationFrame(() => element.classList.add('flash'));
  };
  return (messageId) => void pane.run(jump(messageId));
}

function moveBetweenMessages(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const current = document.activeElement?.closest('.message');
  if (step === undefined || current === null || current === undefined) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>('.message')];
  const next = all[all.findIndex((one) => one.contains(current)) + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}

/** The key of the first message of somebody else that the reader had not read on coming here. */
function firstNewOf({ readUpTo, messages }: ConversationView): string | undefined {
  if (readUpTo === undefined) return undefined;
  return messages.find(({ isMine, sequence }) => !isMine && (sequence ?? 0) > readUpTo)?.key;
}

function belongsTo(one: MessageView | undefined, next: MessageView | undefined): boolean {
  return (
    one?.kind === 'message' &&
    next?.kind === 'message' &&
    one.sender.id === next.sender.id &&
    next.at.getTime() - one.at.getTime() < GROUP_MS
  );
}

function newestLabel(missed: number): string {
  return missed === 0 ? 'Jump to the newest' : `Jump to the newest, ${missed} new`;
}
