import type { MessageView, RoomView } from '../model/model.ts';
import { Avatar, hueOf } from './avatar.tsx';
import { Icon } from './icons.tsx';
import { menuAt, menuAtPointer } from './menu.tsx';
import { MessageActions } from './message-actions.tsx';
import { messageMenu } from './message-menu.ts';
import { isOnlyEmoji, MessageText } from './message-text.tsx';
import { usePane } from './pane-state.ts';
import { TickMark } from './tick.tsx';
import { dateTimeText, timeText } from './time.ts';

interface MessageProps {
  readonly message: MessageView;
  readonly room: RoomView;
  /** Of a run of messages by one person. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** The one that the Tab key stops at. */
  readonly isStop: boolean;
  readonly onFocus: () => void;
  readonly onQuote: (messageId: string) => void;
}

/** A message: who, what, when, how far it got, and what people think of it. */
export function Message(props: MessageProps) {
  const { message, room, isFirst, isLast, isStop } = props;
  const pane = usePane();
  const { sender, isMine } = message;
  const showsSender = room.kind !== 'p2p' && !isMine;
  const canAct = !message.isDeleted;
  const openMenu = (event: MouseEvent | KeyboardEvent): void => {
    if (!canAct) return;
    event.preventDefault();
    const items = () => messageMenu(pane, message.key);
    pane.menu.value =
      event instanceof MouseEvent
        ? menuAtPointer(event, 'Message actions', items)
        : menuAt(bubbleOf(event.currentTarget), 'Message actions', items);
  };
  return (
    <article
      aria-label={`${isMine ? 'You' : sender.name}, ${timeText(message.at)}`}
      class={`message ${isMine ? 'mine' : 'theirs'}${isFirst ? ' first' : ''}${isLast ? ' last' : ''}${showsSender ? ' with-sender' : ''}`}
      data-key={message.key}
      tabIndex={isStop ? 0 : -1}
      onFocusIn={props.onFocus}
      onContextMenu={openMenu}
      onKeyDown={(event) => event.key === 'Enter' && event.target === event.currentTarget && openMenu(event)}
    >
      {showsSender && isLast ? (
        <Avatar id={sender.id} name={sender.name} picture={sender.avatar} size={30} />
      ) : null}
      <div class="message-body">
        <div class="bubble-line">
          <Bubble {...props} showsSender={showsSender && isFirst} />
          {canAct ? <MessageActions message={message} room={room} isStop={isStop} /> : null}
        </div>
        <Reactions message={message} isStop={isStop} />
        {message.tick === 'failed' ? <Failed message={message} /> : null}
      </div>
    </article>
  );
}

function Bubble(props: MessageProps & { readonly showsSender: boolean }) {
  const { message, showsSender, onQuote } = props;
  const { sender, reply, text, isDeleted } = message;
  const isBig = !isDeleted && reply === undefined && text !== undefined && isOnlyEmoji(text);
  return (
    <div
      class={`bubble${isBig ? ' big' : ''}${message.mentionsMe ? ' to-me' : ''}${isDeleted ? ' deleted' : ''}`}
    >
      {showsSender ? <span class={`sender hue-${hueOf(sender.id)}`}>{sender.name}</span> : null}
      {message.forwardedFrom === undefined ? null : (
        <span class="forwarded">
          <Icon name="forward" size={14} /> Forwarded from {message.forwardedFrom}
        </span>
      )}
      {reply === undefined ? null : (
        <button
          type="button"
          class="quote"
          onClick={() => onQuote(reply.id)}
          tabIndex={props.isStop ? 0 : -1}
        >
          <span class="sr-only">In reply to </span>
          <b>{reply.senderName}</b>
          <span>
            {reply.text === undefined ? 'Locked message' : reply.text === '' ? 'Deleted message' : reply.text}
          </span>
        </button>
      )}
      <div class="bubble-text">
        <Text message={message} />
        <span class="meta">
          {message.isEdited && !isDeleted ? <span>edited</span> : null}
          <time dateTime={message.at.toISOString()} title={dateTimeText(message.at)}>
            {timeText(message.at)}
          </time>
          {message.tick === undefined || isDeleted ? null : <TickMark tick={message.tick} />}
        </span>
      </div>
    </div>
  );
}

function Text({ message }: { readonly message: MessageView }) {
  if (message.isDeleted) return <i>Message deleted</i>;
  if (message.text === undefined) {
    return (
      <i>
        <Icon name="lock" size={14} /> Can’t be read with the keys of this sign-in
      </i>
    );
  }
  return <MessageText text={message.text} mentions={message.mentions} />;
}

function Reactions({ message, isStop }: { readonly message: MessageView; readonly isStop: boolean }) {
  const pane = usePane();
  const { id, reactions, isDeleted } = message;
  if (id === undefined || isDeleted || reactions.length === 0) return null;
  return (
    <div class="reactions">
      {reactions.map(({ emoji, by, isMine }) => {
        const names = by.map(({ name }) => name).join(', ');
        return (
          <button
            key={emoji}
            type="button"
            class="reaction"
            tabIndex={isStop ? 0 : -1}
            aria-pressed={isMine}
            aria-label={`${emoji} by ${names}`}
            title={names}
            onClick={() => void pane.run(pane.model.react(id, emoji))}
          >
            <span>{emoji}</span>
            {by.length > 1 ? <span>{by.length}</span> : null}
          </button>
        );
      })}
    </div>
  );
}

function Failed({ message }: { readonly message: MessageView }) {
  const { model } = usePane();
  return (
    <p class="failed" role="alert">
      <span>{message.problem ?? 'Not sent.'}</span>
      <button type="button" class="link" onClick={() => model.retry(message.key)}>
        Try again
      </button>
      <button type="button" class="link" onClick={() => model.discard(message.key)}>
        Discard
      </button>
    </p>
  );
}

function bubbleOf(target: EventTarget | null): Element {
  const element = target instanceof Element ? target : document.body;
  return element.querySelector('.bubble') ?? element;
}
