import { expect, test } from 'vitest';
import { chatClient, startTestApp, type TestApp } from '../support/app.ts';
import { ResumingClient } from '../support/resuming-client.ts';

/** Behaviour R18: what is published and delivered is logged, and what was said is not. */
async function converse(app: TestApp): Promise<{ readonly roomId: string; readonly eventId: string }> {
  const sender = await chatClient(app.url, { as: 1 });
  const reader = new ResumingClient(() => chatClient(app.url, { as: 2, clientId: 'reader' }));
  await reader.untilConnected();
  const { room } = await sender.createRoom({ type: 'group', name: 'Secret-name', participants: [2] });
  const roomId = room?.id ?? '';
  const { message } = await sender.sendMessage({ roomId, content: 'secret-content' });
  const said = () =>
    reader.events.find(({ event }) => event.case === 'message' && event.value.id === message?.id);
  await expect.poll(said).toBeDefined();
  await sender.sendTyping({ roomId });
  await expect.poll(() => reader.events.some(({ event }) => event.case === 'typing')).toBe(true);
  // The last batch is logged when the next one is asked for, and the stream's end comes after that.
  await reader.close();
  await expect
    .poll(() => app.logs.some(({ method }) => String(method).endsWith('StreamMessages')))
    .toBe(true);
  return { roomId, eventId: said()?.eventId ?? '' };
}

test('tells at level debug which events were published, and delivered to whom', async () => {
  const app = await startTestApp({ env: { LOG_LEVEL: 'debug' } });
  const { roomId, eventId } = await converse(app);
  await app.stop();
  const published = app.logs.filter(({ msg }) => msg === 'publishing an event');
  expect(published).toContainEqual(
    expect.objectContaining({ level: 20, roomId, event: 'message', eventId, userId: 1 }),
  );
  const delivered = app.logs.filter(({ msg }) => msg === 'delivered an event');
  const to = { level: 20, clientId: 'reader', userId: 2, roomId };
  expect(delivered).toEqual([
    expect.objectContaining({ ...to, event: 'roomJoin', subject: 'CHAT_DIRECT_EVENTS.2' }),
    expect.objectContaining({ ...to, event: 'message', subject: `CHAT_EVENTS.${roomId}`, eventId }),
    expect.objectContaining({ ...to, event: 'typing', subject: 'CHAT_TYPING' }),
  ]);
  expect(JSON.stringify(app.logs)).not.toMatch(/secret/i);
});

test('tells nothing of single events at level info', async () => {
  const app = await startTestApp();
  await converse(app);
  await app.stop();
  expect(app.logs.filter(({ msg }) => /an event$/.test(String(msg)))).toEqual([]);
});
