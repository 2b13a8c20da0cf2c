import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request as startRequest } from 'node:http';
import type { DescMethod } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ChatService } from '../../src/gen/services/chat/v1/service_pb.ts';
import { TokensService } from '../../src/gen/services/tokens/v1/service_pb.ts';
import { UsersService } from '../../src/gen/services/users/v1/service_pb.ts';
import { createRandom, type GeneratedRequest, generateRequest, type KnownIds } from './generated-requests.ts';
import { openWorld, type Person, type World } from './world.ts';

const REQUESTS = 10_000;
const AT_ONCE = 48;

/** Every refusal that a caller with a good token may get. */
const DOCUMENTED = new Set([
  'invalid_argument invalid_request_data',
  'not_found not_found',
  'permission_denied permission_denied',
  // Larger than MAX_REQUEST_BYTES.
  'resource_exhausted invalid_request_data',
]);

const METHODS: readonly DescMethod[] = [ChatService, TokensService, UsersService].flatMap(
  (service): readonly DescMethod[] => service.methods,
);

describe.skipIf(inject('postgresUrl') === '')('bad input', () => {
  let world: World;
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  let attacker: Person;
  let partners: readonly Person[];
  let victim: Person;
  let known: KnownIds;
  const seed = Math.floor(Math.random() * 4_294_967_296);

  beforeAll(async () => {
    world = await openWorld({ MAX_STREAMS_PER_USER: '0', LOG_LEVEL: 'error' });
    const [first, second, third, fourth] = await world.people(4);
    attacker = first;
    partners = [second, third];
    victim = fourth;
    known = await furnish();
  });
  afterAll(async () => {
    agent.destroy();
    await world?.close();
  });

  /** Rooms in which the attacker is OWNER, ADMIN and MEMBER, a p2p room, and rooms that he must not touch. */
  async function furnish(): Promise<KnownIds> {
    const rooms: string[] = [];
    const messages: string[] = [];
    const add = async (owner: Person, others: readonly Person[], role?: string): Promise<void> => {
      const { id } = await owner.group(others);
      if (role !== undefined) await owner.chat.updateParticipantRoom({ id, participant: attacker.id, role });
      for (const author of [owner, ...others]) {
        const { message } = await author.chat.sendMessage({ roomId: id, content: 'aGk=' });
        messages.push(message?.id ?? '');
      }
      rooms.push(id);
    };
    for (let i = 0; i < 6; i++) {
      await add(attacker, partners);
      await add(partners[0] ?? victim, [attacker], i % 2 === 0 ? 'ADMIN' : 'MEMBER');
    }
    await add(victim, partners);
    rooms.push((await attacker.p2p(partners[0] ?? victim)).id);
    const users = [attacker, ...partners, victim].map(({ id }) => id);
    return { rooms, messages, users };
  }

  test(`${REQUESTS} generated requests: only documented answers, and no trace of what was refused`, async () => {
    const random = createRandom(seed);
    const requests = Array.from({ length: REQUESTS }, () => generateFor(random));
    const victims = await world.stored.ofRoom(known.rooms[12] ?? '');

    const answers = await answerAll(requests);
    const surprises = requests.flatMap((request, i) => {
      const answer = answers[i] ?? '';
      return answer === 'ok' || DOCUMENTED.has(answer) ? [] : [describeRequest(request, answer)];
    });
    expect(surprises.slice(0, 20), `seed ${seed}`).toEqual([]);
    const kinds = new Set(answers);
    for (const answer of ['ok', ...DOCUMENTED]) expect(kinds, `seed ${seed}`).toContain(answer);
    // The victim never let the attacker in.
    expect(await world.stored.ofRoom(known.rooms[12] ?? '')).toEqual(victims);

    await expectNoTrace(requests.filter((_, i) => answers[i] !== 'ok'));
    expect((await fetch(`${world.url}/health`)).status).toBe(200);
  }, 240_000);

  function generateFor(random: () => number): GeneratedRequest {
    const request = generateRequest(random, METHODS, known);
    if (request.method.parent !== UsersService) return request;
    // An administrator may remove everybody: here he knows nobody.
    return generateRequest(random, [request.method], { ...known, users: [700_001, 700_002, 700_003] });
  }

  /** Refused once, refused again: sends them once more and compares everything that is stored, published and pushed. */
  async function expectNoTrace(refused: readonly GeneratedRequest[]): Promise<void> {
    await world.drained();
    const listener = await attacker.listen();
    const [stored, notified] = [await world.stored.contents(), world.notified().length];
    const answers = await answerAll(refused);
    const accepted = refused.filter((_, i) => answers[i] === 'ok');
    // What was refused may be legal by now: it is left out, the rest must not have left a trace.
    if (accepted.length > 0) return await expectNoTrace(refused.filter((_, i) => answers[i] !== 'ok'));
    await world.drained();
    expect(await world.stored.contents(), `seed ${seed}`).toEqual(stored);
    expect(world.notified()).toHaveLength(notified);
    const marker = await attacker.group(partners);
    expect((await listener.take(1))[0], `seed ${seed}`).toMatchObject({
      roomId: marker.id,
      event: { case: 'roomJoin' },
    });
  }

  function post(path: string, headers: OutgoingHttpHeaders, body: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', agent, headers: { ...headers, 'content-length': body.length } };
      startRequest(new URL(path, world.url), options, resolve).once('error', reject).end(body);
    });
  }

  async function answerAll(requests: readonly GeneratedRequest[]): Promise<string[]> {
    const answers: string[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < requests.length; i = next++) {
        const request = requests[i];
        if (request !== undefined) answers[i] = await answerOf(request);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return answers;
  }

  /** `ok`, or code and text of the refusal. */
  async function answerOf({ method, contentType, body }: GeneratedRequest): Promise<string> {
    const isStream = method.methodKind === 'server_streaming';
    const response = await post(
      `/${method.parent.typeName}/${method.name}`,
      {
        'content-type': `application/${isStream ? 'connect+' : ''}${contentType}`,
        authorization: `Bearer ${method.parent === UsersService ? world.adminToken : attacker.token}`,
        'x-client-id': crypto.randomUUID(),
      },
      isStream ? envelope(body) : body,
    );
    const status = response.statusCode ?? 0;
    const chunks: Buffer[] = [];
    for await (const chunk of response) {
      chunks.push(chunk);
      // An event stream would go on.
      if (isStream) break;
    }
    const answer = Buffer.concat(chunks);
    if (!isStream) return status === 200 ? 'ok' : refusalIn(answer, status);
    // An envelope with flag 2 ends the stream.
    return ((answer[0] ?? 0) & 2) === 0 ? 'ok' : refusalIn(answer.subarray(5), status);
  }
});

function envelope(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function refusalIn(answer: Buffer, status: number): string {
  try {
    const parsed: unknown = JSON.parse(answer.toString());
    const error: unknown = hasError(parsed) ? parsed.error : parsed;
    if (isRefusal(error)) return `${error.code} ${error.message}`;
  } catch {
    // Reported as it is.
  }
  return `status ${status}: ${answer.toString().slice(0, 200)}`;
}

function hasError(value: unknown): value is { readonly error: unknown } {
  return typeof value === 'object' && value !== null && 'error' in value;
}

function isRefusal(value: unknown): value is { readonly code: string; readonly message: string } {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value;
}

function describeRequest({ method, contentType, body }: GeneratedRequest, answer: string): string {
  const shown = contentType === 'json' ? body.toString().slice(0, 500) : body.toString('hex').slice(0, 500);
  return `${method.name} ${shown} -> ${answer}`;
}
