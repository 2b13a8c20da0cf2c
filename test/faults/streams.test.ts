import http2 from 'node:http2';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type MessageEvent, MessageEventSchema } from '../../src/gen/services/chat/v1/types_pb.ts';
import { chatClient, startTestApp, type TestApp, tokenOf } from '../support/app.ts';
import { ResumingClient } from '../support/resuming-client.ts';

const PATH = '/services.chat.v1.ChatService/StreamMessages';

/** Clients that read too slowly, or all come back at once, over the real port. */
describe.skipIf(inject('postgresUrl') === '' || !inject('canStart').nats)('streams under stress', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({
      broker: 'jetstream',
      env: { MAX_STREAMS_PER_USER: '0', STREAM_BUFFER: '100' },
    });
  });

  afterAll(async () => await app?.stop());

  async function newRoom(): Promise<string> {
    const { room } = await (await chatClient(app.url, { as: 1 })).createRoom({
      type: 'group',
      name: 'Stress',
      participants: [2, 3],
    });
    return room?.id ?? '';
  }

  async function send(roomId: string, count: number, content = 'x'): Promise<void> {
    const client = await chatClient(app.url, { as: 1 });
    for (let sent = 0; sent < count; sent += 20) {
      await Promise.all(Array.from({ length: 20 }, () => client.sendMessage({ roomId, content })));
    }
  }

  it('200 streams that break and return at once each get everything, once and in order', async () => {
    const roomId = await newRoom();
    const readers = Array.from(
      { length: 200 },
      (_, index) => new ResumingClient(() => chatClient(app.url, { as: 2, clientId: `storm-${index}` })),
    );
    await Promise.all(readers.map((reader) => reader.untilConnected()));
    for (let turn = 0; turn < 3; turn += 1) {
      const sending = send(roomId, 20);
      for (const reader of readers) reader.drop();
      await sending;
    }
    await Promise.all(readers.map((reader) => reader.expectAll(roomId, 1, 60)));
    expect(readers.flatMap((reader) => reader.resyncs)).toEqual([]);
    await Promise.all(readers.map((reader) => reader.close()));
  });

  it('a reader that stops reading is ended with an overflow, and misses nothing when it resumes', async () => {
    const roomId = await newRoom();
    const slow = new SlowReader(app.url, await tokenOf(3));
    await slow.opened;
    await send(roomId, 600, 'y'.repeat(2_000));
    const { events, end } = await slow.readAll();
    expect(end).toMatchObject({ error: { code: 'resource_exhausted', message: 'stream_overflow' } });
    const got = sequencesOf(events, roomId);
    expect(got).toEqual(got.map((_, index) => index + 1));
    expect(got.length).toBeLessThan(600);

    const cursor = events.at(-1)?.cursor ?? '';
    const rest: MessageEvent[] = [];
    const back = await chatClient(app.url, { as: 3, clientId: 'slow' });
    for await (const event of back.streamMessages({ cursor })) {
      rest.push(event);
      if (sequencesOf([event], roomId)[0] === 600) break;
    }
    expect(rest.some(({ event }) => event.case === 'resyncRequired')).toBe(false);
    expect([...got, ...sequencesOf(rest, roomId)]).toEqual(
      Array.from({ length: 600 }, (_, index) => index + 1),
    );
  });
});

function sequencesOf(events: readonly MessageEvent[], roomId: string): number[] {
  return events.flatMap(({ event }) =>
    event.case === 'message' && event.value.roomId === roomId ? [event.value.sequence] : [],
  );
}

/** Opens a stream and takes nothing from the socket until it is told to read all. */
class SlowReader {
  readonly opened: Promise<void>;
  readonly #session: http2.ClientHttp2Session;
  readonly #stream: http2.ClientHttp2Stream;

  constructor(url: string, token: string) {
    this.#session = http2.connect(url);
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/connect+json',
      'connect-protocol-version': '1',
      'x-client-id': 'slow',
      authorization: `Bearer ${token}`,
    });
    this.#stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from('{}')]));
    this.#stream.pause();
    this.opened = new Promise((resolve) => this.#stream.once('response', () => resolve()));
  }

  /** Everything until the server ends the stream. */
  async readAll(): Promise<{ readonly events: MessageEvent[]; readonly end: JsonValue }> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#stream) chunks.push(chunk);
    this.#session.close();
    const bytes = Buffer.concat(chunks);
    const events: MessageEvent[] = [];
    for (let offset = 0; offset < bytes.length; ) {
      const length = bytes.readUInt32BE(offset + 1);
      const json: JsonValue = JSON.parse(bytes.toString('utf8', offset + 5, offset + 5 + length));
      if (bytes[offset] === 2) return { events, end: json };
      events.push(fromJson(MessageEventSchema, json));
      offset += 5 + length;
    }
    return { events, end: null };
  }
}
