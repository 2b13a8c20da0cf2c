import type { Identity, Protocol } from './clients.ts';
import type { LoadResult } from './load.ts';

/** Paths of the methods that are measured. */
export const METHODS = {
  send: '/services.chat.v1.ChatService/SendMessage',
  rooms: '/services.chat.v1.ChatService/GetRooms',
  history: '/services.chat.v1.ChatService/GetMessageHistory',
  stream: '/services.chat.v1.ChatService/StreamMessages',
} as const;

/** What a load process may be asked to do. */
export type LoadJob = CallJob | SendJob | StreamsJob | LatencyJob;

/** Repeat one call in a closed loop. */
export type CallJob = Loop & {
  readonly kind: 'call';
  readonly method: string;
  readonly identity: Identity;
  /** Base64 of the request. */
  readonly body: string;
};

/** Send messages in a closed loop. */
export type SendJob = Loop & {
  readonly kind: 'send';
  /** Taken in turn. */
  readonly places: readonly Place[];
};

/** Open streams and count what they deliver. */
export type StreamsJob = {
  readonly kind: 'streams';
  readonly port: number;
  readonly protocol: Protocol;
  readonly path: string;
  readonly identities: readonly Identity[];
  /** Report after this many envelopes over all streams. */
  readonly deliveries: number;
};

/** Send at a fixed rate and measure the way to another user's stream. */
export type LatencyJob = {
  readonly kind: 'latency';
  readonly port: number;
  readonly from: Place;
  readonly reader: Identity;
  readonly perSecond: number;
  readonly seconds: number;
};

/** A room, a member of it, and what he says there. */
export type Place = {
  readonly roomId: string;
  readonly identity: Identity;
  /** Ciphertext. */
  readonly content: string;
};

/** What a load process tells its parent. */
export type LoadEvent =
  | { readonly kind: 'load'; readonly result: LoadResult }
  | { readonly kind: 'open'; readonly streams: number }
  | { readonly kind: 'delivered'; readonly milliseconds: number; readonly sample: string }
  | { readonly kind: 'latency'; readonly p50: number; readonly p99: number; readonly missing: number }
  | { readonly kind: 'failed'; readonly text: string };

type Loop = {
  readonly port: number;
  readonly protocol: Protocol;
  readonly callers: number;
  readonly seconds: number;
  /** Make that many calls instead, within `seconds`. */
  readonly calls?: number;
};
