import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { freePort } from './ports.ts';

/** One call that it got. */
export interface ReceivedCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** A notifications service that writes down what it is asked and answers as it is told. */
export class NotificationsService {
  calls: ReceivedCall[] = [];
  answer: 'never' | { readonly status: number; readonly body: string } = OK;
  url = '';
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => {
        text += chunk;
      });
      request.on('end', () => {
        this.calls.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(text) });
        if (this.answer === 'never') return;
        const isJson = this.answer.body.startsWith('{');
        response.writeHead(this.answer.status, { 'content-type': isJson ? 'application/json' : 'text/html' });
        response.end(this.answer.body);
      });
    });
    this.#server = server;
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${port}`;
  }

  reset(): void {
    this.calls = [];
    this.answer = OK;
  }

  only(): ReceivedCall {
    const [call] = this.calls;
    if (call === undefined || this.calls.length !== 1)
      throw new Error(`expected one call, got ${this.calls.length}`);
    return call;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }
}

const OK = { status: 200, body: '{}' };
