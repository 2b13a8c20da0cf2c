import { expect, it } from 'vitest';
import { createChatClient, createRoomCiphers } from '../../src/client/client.ts';

it('is what the package exports', async () => {
  const { createChatClient: create, createRoomCiphers: encrypt } = await import('connect-chat/client');
  expect(create).toBe(createChatClient);
  expect(encrypt).toBe(createRoomCiphers);
});
