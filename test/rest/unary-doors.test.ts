import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { callEveryMethod, restMethods, type Transcript } from '../contract/unary-door.ts';
import { openWorld, type World } from '../rpc/world.ts';
import { UNARY_DOORS } from '../support/unary-doors.ts';

describe.skipIf(inject('postgresUrl') === '')('the same calls', () => {
  const transcripts = new Map<string, readonly Transcript[]>();
  let world: World;

  beforeAll(async () => {
    world = await openWorld();
    for (const door of UNARY_DOORS) transcripts.set(door.name, await callEveryMethod(world, door));
  });
  afterAll(() => world?.close());

  function transcriptOf(name: string): readonly Transcript[] {
    return transcripts.get(name) ?? [];
  }

  test('go to every method, and every method answers', () => {
    const answered = transcriptOf('Connect JSON').filter(({ outcome }) => 'answer' in Object(outcome));
    expect([...new Set(answered.map(({ method }) => method))].toSorted()).toEqual(
      restMethods()
        .map(({ name }) => name)
        .toSorted(),
    );
  });

  test.each(['gRPC', 'REST'])('come to the same by %s', (name) => {
    expect(transcriptOf(name)).toEqual(transcriptOf('Connect JSON'));
  });
});
