import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call that reached the notifications service: its method's name and the fields of its payload. */
export type Notified = { readonly call: string } & Readonly<Record<string, unknown>>;

/** Plays the notifications service: answers every call well and remembers it. */
export interface NotificationsRecorder {
  readonly url: string;
  readonly calls: readonly Notified[];
  close(): Promise<void>;
}

/** Starts a recorder on a free port. */
export async function startNotificationsRecorder(): Promise<NotificationsRecorder> {
  const calls: Notified[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      calls.push(readCall(request.url ?? '', Buffer.concat(chunks).toString()));
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    calls,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The body holds one case of a oneof: its fields, with their names as the generated code spells them. */
function readCall(path: string, body: string): Notified {
  const request: Readonly<Record<string, object>> = JSON.parse(body);
  const fields = Object.values(request).flatMap((payload) => Object.entries(payload));
  const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return {
    call: path.split('/').at(-1) ?? '',
    ...Object.fromEntries(fields.map(([name, value]) => [camel(name), value])),
  };
}
