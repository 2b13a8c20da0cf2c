import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PushToken, TokensRepository } from '../../src/repository/tokens-repository.ts';

/** What the suite needs of an adapter. */
export interface TokensFixture {
  readonly repository: TokensRepository;
  addUsers(ids: readonly number[]): Promise<void>;
  /** What is stored for a user, ordered by token. */
  stored(userId: number): Promise<PushToken[]>;
  close(): Promise<void>;
}

/** Holds an adapter of {@link TokensRepository} to its promises. `open` answers one on a store without tokens. */
export function exerciseTokensRepository(name: string, open: () => Promise<TokensFixture>): void {
  describe(`push tokens: ${name}`, () => {
    let fixture: TokensFixture;
    let tokens: TokensRepository;
    beforeAll(async () => {
      fixture = await open();
      tokens = fixture.repository;
      await fixture.addUsers([501, 502, 503, 504, 505, 506, 507]);
    });
    afterAll(async () => await fixture?.close());

    it('stores all that is known about a device', async () => {
      const token = phone({ token: 't-all', tokenVoip: 'voip', isVoip: true, debug: true });
      await tokens.saveToken(501, token);
      expect(await fixture.stored(501)).toEqual([token]);
    });

    it('replaces the token of a device, and keeps those of other devices and platforms', async () => {
      await tokens.saveToken(502, phone({ token: 'a-old' }));
      await tokens.saveToken(502, phone({ token: 'b', device: 'tablet' }));
      await tokens.saveToken(502, phone({ token: 'c', platform: 'ANDROID' }));
      const fresh = phone({ token: 'a-new', platformVersion: '18', lang: 'en' });
      await tokens.saveToken(502, fresh);
      expect((await fixture.stored(502)).map(({ token }) => token)).toEqual(['a-new', 'b', 'c']);
      expect((await fixture.stored(502))[0]).toEqual(fresh);
    });

    it('keeps one row per token when the device has no name', async () => {
      await tokens.saveToken(503, phone({ token: 'n1', device: '' }));
      await tokens.saveToken(503, phone({ token: 'n1', device: '', lang: 'en' }));
      await tokens.saveToken(503, phone({ token: 'n2', device: '' }));
      expect((await fixture.stored(503)).map(({ token, lang }) => [token, lang])).toEqual([
        ['n1', 'en'],
        ['n2', 'es'],
      ]);
    });

    it('takes a token away from its former user', async () => {
      await tokens.saveToken(504, phone({ token: 'moved' }));
      await tokens.saveToken(504, phone({ token: 'stays', device: 'tablet' }));
      await tokens.saveToken(505, phone({ token: 'moved', device: '' }));
      expect((await fixture.stored(504)).map(({ token }) => token)).toEqual(['stays']);
      expect((await fixture.stored(505)).map(({ token }) => token)).toEqual(['moved']);
    });

    it('leaves one row when users and devices claim a token at the same time', async () => {
      const claims = Array.from({ length: 20 }, async (_, index) => {
        const token = phone({ token: 'contested', device: index % 3 === 0 ? '' : 'phone' });
        await tokens.saveToken(506 + (index % 2), token);
      });
      await Promise.all(claims);
      const holders = [await fixture.stored(506), await fixture.stored(507)].filter(
        (list) => list.length > 0,
      );
      expect(holders).toHaveLength(1);
    });

    it('survives two users that swap their tokens over and over', async () => {
      const swaps = Array.from({ length: 20 }, async (_, index) => {
        await tokens.saveToken(506, phone({ token: index % 2 === 0 ? 's1' : 's2', device: 'd' }));
        await tokens.saveToken(507, phone({ token: index % 2 === 0 ? 's2' : 's1', device: 'd' }));
      });
      await Promise.all(swaps);
      const held = [...(await fixture.stored(506)), ...(await fixture.stored(507))].filter(
        ({ device }) => device === 'd',
      );
      expect(new Set(held.map(({ token }) => token)).size).toBe(held.length);
    });
  });
}

function phone(fields: Partial<PushToken> & Pick<PushToken, 'token'>): PushToken {
  return {
    platform: 'IOS',
    platformVersion: '17.1',
    device: 'phone',
    tokenVoip: '',
    isVoip: false,
    debug: false,
    lang: 'es',
    ...fields,
  };
}
