import { Code, ConnectError, type Interceptor, type StreamResponse } from '@connectrpc/connect';
import { type ReadonlySignal, signal } from '@preact/signals';
import type { MessageEvent } from '../../gen/services/chat/v1/types_pb.ts';
import type { EventIds } from './event-ids.ts';
import type { Frame } from './model.ts';

const MAX_FRAMES = 500;
/** Fields that may be shown, with the names under which they are. Contents, tokens and keys are none of them. */
const SHOWN: readonly (readonly [field: string, name: string])[] = [
  ['roomId', 'room'],
  ['id', 'id'],
  ['messageId', 'message'],
  ['messageIds', 'messages'],
  ['sequence', 'sequence'],
  ['senderMessageId', 'senderMessageId'],
  ['isTyping', 'isTyping'],
  ['page', 'page'],
  ['reason', 'reason'],
  ['markedCount', 'marked'],
  ['beforeMessageId', 'before'],
];

/** Keeps what was said between page and service, for people who want to see how it works. */
export class Inspector {
  readonly #frames = signal<readonly Frame[]>([]);
  readonly frames: ReadonlySignal<readonly Frame[]> = this.#frames;
  readonly #known: EventIds;
  #count = 0;

  /** `known`: what comes again is shown as dropped. */
  constructor(known: EventIds) {
    this.#known = known;
  }

  add(frame: Omit<Frame, 'number' | 'at'>): void {
    this.#count += 1;
    const next = { ...frame, number: this.#count, at: new Date() };
    this.#frames.value = [...this.#frames.peek().slice(1 - MAX_FRAMES), next];
  }

  /** Something about the connection. */
  status(name: string, details: Frame['details'] = []): void {
    this.add({ kind: 'status', name, outcome: '', durationMs: undefined, details });
  }

  /** What the stream, or another tab, has brought. */
  event(event: MessageEvent, more: Frame['details'] = []): void {
    const { eventId, roomId, cursor } = event;
    const { case: name = 'nothing', value } = event.event;
    const inside = typeof value === 'object' ? detailsIn(value) : [];
    const details = [
      ...(roomId === '' ? [] : [['room', roomId] as const]),
      ...inside.filter(([key]) => key !== 'room' && key !== 'id'),
      ...(eventId === '' ? [] : [['eventId', eventId] as const]),
      ...(cursor === '' ? [] : [['cursor', cursor] as const]),
      ...more,
    ];
    const kind = this.#known.has(eventId) ? 'drop' : 'frame';
    const shown = name === 'connected' ? 'heartbeat' : name;
    this.add({ kind, name: shown, outcome: '', durationMs: undefined, details });
  }

  /** Watches the calls of a transport. */
  readonly interceptor: Interceptor = (next) => async (request) => {
    const startedAt = performance.now();
    const { name } = request.method;
    const asked = request.stream ? [] : detailsIn(request.message);
    const ended = (outcome: string, more: Frame['details'] = []): void => {
      const durationMs = performance.now() - startedAt;
      const details = [...asked, ...more.filter(([key]) => !asked.some(([known]) => known === key))];
      this.add({ kind: 'call', name, outcome, durationMs, details });
    };
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: this.#tap(response, ended) };
      ended('ok', detailsOfAnswer(response.message));
      return response;
    } catch (error) {
      ended(codeOf(error));
      throw error;
    }
  };

  async *#tap({ message: messages }: StreamResponse, ended: (outcome: string) => void) {
    let outcome = 'ok';
    try {
      for await (const message of messages) {
        if (isEvent(message)) this.event(message);
        yield message;
      }
    } catch (error) {
      outcome = codeOf(error);
      throw error;
    } finally {
      ended(outcome);
    }
  }
}

/** As Connect spells it: `permission_denied`. */
function codeOf(error: unknown): string {
  const { code, cause } = ConnectError.from(error);
  // How fetch says that there is no network.
  const name = Code[cause instanceof TypeError ? Code.Unavailable : code];
  return name.replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase();
}

function isEvent(message: object): message is MessageEvent {
  return '$typeName' in message && message.$typeName === 'services.chat.v1.MessageEvent';
}

/** Of an answer, and of the message or room in it. */
function detailsOfAnswer(answer: object): Frame['details'] {
  const inner = 'message' in answer ? answer.message : 'room' in answer ? answer.room : undefined;
  const count =
    'items' in answer && Array.isArray(answer.items) ? [['items', String(answer.items.length)] as const] : [];
  return [
    ...detailsIn(answer),
    ...(typeof inner === 'object' && inner !== null ? detailsIn(inner) : []),
    ...count,
  ];
}

function detailsIn(message: object): Frame['details'] {
  const values = new Map<string, unknown>(Object.entries(message));
  return SHOWN.flatMap(([field, name]) => {
    const value = values.get(field);
    const isEmpty = value === undefined || value === '' || value === 0;
    return isEmpty ? [] : [[name, String(value)] as const];
  });
}
