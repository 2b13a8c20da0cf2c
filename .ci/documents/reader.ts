import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../test/support/postgres-server.ts';
import { type Block, matches } from './blocks.ts';
import { exitCodeAfter, type Running, Shells, serverIn, until } from './shells.ts';

/** As documents have it; another one when it is taken on this machine. */
export const DOCUMENTED_ADDRESS = '127.0.0.1:8080';

/** Does what a document says, with a service and terminals of its own. */
export class Reader {
  readonly #address: string;
  readonly #dataDir = mkdtempSync(join(tmpdir(), 'chat-reader-'));
  readonly #shells: Shells;
  /** Where blocks run that end by themselves. */
  readonly #terminal: Running;
  #service: Running | undefined;
  #printed: () => string = () => '';
  #followed: () => string = () => '';

  constructor(address: string) {
    this.#address = address;
    this.#shells = new Shells({ SERVER_ADDRESS: address, DATA_DIR: this.#dataDir });
    this.#terminal = this.#shells.start(['-eu', '-o', 'pipefail']);
  }

  /** Runs a block, or compares one with what was printed. Throws when it does not end well or prints something else. */
  async take({ how, text }: Block): Promise<void> {
    const here = text.replaceAll(DOCUMENTED_ADDRESS, this.#address);
    if (how === 'prints') return await compare(this.#printed, here, true);
    if (how === 'shows') return await compare(this.#followed, here, false);
    console.log(`\n${here.trimEnd().replace(/^/gm, '$ ')}`);
    this.#printed = await this.#perform(how, here);
  }

  /** Stops the service as a process manager does; throws when it does not end well. Nothing happens when there is none. */
  async stopService(): Promise<void> {
    if (this.#service === undefined) return;
    const { child } = this.#service;
    const code = await exitCodeAfter(child, () => process.kill(serverIn(child).pid, 'SIGTERM'));
    if (code !== 0) throw new Error(`the service ended with ${code}`);
    this.#service = undefined;
  }

  /** What the service has printed. */
  get serviceOutput(): string {
    return this.#service?.output() ?? '';
  }

  /** Ends all that runs and deletes the data. */
  close(): void {
    this.#shells.killAll();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  /** Resolves to what tells the block's output. */
  async #perform(how: string, text: string): Promise<() => string> {
    switch (how) {
      case 'service':
        return await this.#startService(text);
      case 'kill':
        return await this.#killService(text);
      case 'stack':
        return await this.#startStack(text);
      case 'follow':
        return await this.#follow(text);
      case 'run':
        return await this.#runInTerminal(text);
      case 'database':
        return await this.#runOnDatabase(text);
      case 'chat':
        return await this.#chat(text);
      default:
        throw new Error(`"ci: ${how}": nobody knows what that means`);
    }
  }

  /** One that runs already is stopped first. */
  async #startService(text: string): Promise<() => string> {
    await this.stopService();
    // This process runs from the folder that npm ci would empty; it was done before.
    const running = this.#shells.start(['-c', text.replace('npm ci\n', '')]);
    this.#service = running;
    await until(async () => {
      if (running.child.exitCode !== null) throw new Error('the service ended');
      const answer = await fetch(`http://${this.#address}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    });
    console.log(running.output());
    return running.output;
  }

  /** As `pkill -9 -f …` does it, but only to the service that was started here: others may run on this machine. */
  async #killService(text: string): Promise<() => string> {
    const [, pattern = ''] = /^pkill -9 -f '(.+)'$/m.exec(text) ?? [];
    const { child } = this.#service ?? this.#terminal;
    const { pid, command } = serverIn(child);
    if (pattern === '' || !command.includes(pattern)) throw new Error(`that does not kill "${command}"`);
    await exitCodeAfter(child, () => process.kill(pid, 'SIGKILL'));
    this.#service = undefined;
    return () => '';
  }

  async #startStack(text: string): Promise<() => string> {
    const { child, output } = this.#shells.start(['-eu', '-o', 'pipefail', '-c', text]);
    await until(
      () => output().includes('ready') || child.exitCode !== null,
      () => `it does not get ready:\n${output()}`,
    );
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output()}`);
    return output;
  }

  async #follow(text: string): Promise<() => string> {
    const { child, output } = this.#shells.start(['-eu', '-o', 'pipefail', '-c', text]);
    await until(
      () => output() !== '' || child.exitCode !== null,
      () => 'it prints nothing',
    );
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output()}`);
    this.#followed = output;
    return output;
  }

  async #runInTerminal(text: string): Promise<() => string> {
    const { child, output } = this.#terminal;
    const from = output().length;
    const end = `--- done ${from} ---`;
    child.stdin?.write(`{ ${text}\n} </dev/null\necho '${end}'\n`);
    await until(
      () => output().includes(end) || child.exitCode !== null,
      () => `it does not end:\n${output().slice(from)}`,
    );
    const printed = output().slice(from).replace(end, '').trim();
    console.log(printed);
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    return () => printed;
  }

  async #runOnDatabase(text: string): Promise<() => string> {
    const postgres = await startPostgres();
    try {
      return await this.#runInTerminal(text.replace(/postgres:\/\/\S+/, postgres.url));
    } finally {
      await postgres.stop();
    }
  }

  /** Types a line, waits until the conversation shows it, and leaves. */
  async #chat(text: string): Promise<() => string> {
    const line = 'Good morning from the README';
    const { child, output } = this.#shells.start([
      '-c',
      this.#address === DOCUMENTED_ADDRESS ? text : `${text.trimEnd()} --url http://${this.#address}`,
    ]);
    child.stdin?.write(`${line}\n`);
    await until(
      () => output().includes(line),
      () => `it does not show what was typed:\n${output()}`,
    );
    const code = await exitCodeAfter(child, () => child.stdin?.end());
    if (code !== 0) throw new Error(`it ended with ${code}:\n${output()}`);
    console.log(output());
    return output;
  }
}

async function compare(output: () => string, expected: string, whole: boolean): Promise<void> {
  await until(
    () => matches(output(), expected, whole),
    () => `expected:\n${expected}\nbut got:\n${output()}`,
  );
}
