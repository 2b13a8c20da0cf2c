import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageData, MessageEvent } from '../../src/gen/services/chat/v1/types_pb.ts';
import { CallPool } from './call-pool.ts';
import { FaultWindows } from './fault-windows.ts';
import type { GeneratorEvent, GeneratorJob, GeneratorResult, Phase } from './generator-protocol.ts';
import { readHistory } from './history-reader.ts';
import { Ledger } from './ledger.ts';
import { Meter } from './meter.ts';
import { readLastSequences } from './population.ts';
import { StreamReader } from './reader.ts';
import { planSchedule, type Schedule } from './schedule.ts';
import { LoadSender, messageOf } from './sender.ts';

const SEND_CONNECTIONS = 16;
const STREAMS_OPENED_AT_ONCE = 50;
const TICK_MS = 1_000;
/** What is not there so long after the last send is lost. */
const DRAIN_MS = 30_000;
const LOOK_MS = 50;
const SEQUENTIAL_REPAIRS = 4;

/** All virtual users at work. */
export class Generator {
  readonly faults = new FaultWindows();
  readonly #job: GeneratorJob;
  readonly #report: (event: GeneratorEvent) => void;
  readonly #schedule: Schedule;
  readonly #ledger: Ledger;
  readonly #meter: Meter;
  readonly #calls: CallPool;
  readonly #readers: readonly StreamReader[];
  readonly #roomIndexes: ReadonlyMap<string, number>;
  readonly #giveUp = new AbortController();
  readonly #sender: LoadSender;
  /** Users whose histories are still to be read, and those at it. */
  readonly #repairs: number[] = [];
  #repairing = 0;
  #startedAt = 0;

  constructor(job: GeneratorJob, report: (event: GeneratorEvent) => void) {
    const { origin, population, rate, rampSeconds, seconds } = job;
    this.#job = job;
    this.#report = report;
    this.#schedule = planSchedule(rate, rampSeconds, seconds);
    this.#ledger = new Ledger(population.rooms);
    this.#meter = new Meter({ lateMs: job.lateMs, faults: this.faults });
    this.#calls = new CallPool(origin, SEND_CONNECTIONS);
    this.#roomIndexes = new Map(population.rooms.map(({ id }, index) => [id, index]));
    this.#readers = population.users.map(
      (identity, user) =>
        new StreamReader(origin, identity, {
          event: (event) => this.#heard(user, event),
          resync: () => this.#repair(user),
          reconnected: () => this.#meter.reconnected(),
        }),
    );
    this.#sender = new LoadSender(
      job,
      this.#calls,
      {
        begun: () => this.#meter.begun(),
        stored: (message, room, stored) => this.#stored(message, room, stored),
        refused: (_, reason) => this.#meter.refused(reason),
        repeated: () => this.#meter.repeated(),
      },
      this.#giveUp.signal,
    );
  }

  /** Opens the streams, sends, waits for the deliveries; rejects when a stream can't be opened. */
  async run(): Promise<GeneratorResult> {
    await this.#openStreams();
    this.#startedAt = performance.now();
    this.#report({ kind: 'open', at: performance.timeOrigin + this.#startedAt });
    const lag = monitorEventLoopDelay({ resolution: 1 });
    lag.enable();
    const ticking = setInterval(() => this.#tick(), TICK_MS);
    const cpu = process.cpuUsage();
    const { rampSeconds, seconds } = this.#job;
    const endsIn = (rampSeconds + seconds) * 1_000;
    const patience = setTimeout(() => this.#giveUp.abort(), endsIn + DRAIN_MS);
    await this.#sender.sendAll(this.#schedule, this.#startedAt);
    lag.disable();
    const { user, system } = process.cpuUsage(cpu);
    const cpuPercent = (user + system) / 10 / (performance.now() - this.#startedAt);
    await this.#sender.settled();
    clearTimeout(patience);
    await this.#drain(performance.now() + DRAIN_MS);
    clearInterval(ticking);
    for (const reader of this.#readers) reader.close();
    this.#calls.close();
    return {
      ...this.#meter.result(this.#schedule.total),
      deliveries: this.#ledger.result(),
      faults: this.faults.all,
      lagP99Ms: lag.percentile(99) / 1e6,
      lagMaxMs: lag.max / 1e6,
      cpuPercent,
    };
  }

  async #openStreams(): Promise<void> {
    for (let from = 0; from < this.#readers.length; from += STREAMS_OPENED_AT_ONCE) {
      await Promise.all(
        this.#readers.slice(from, from + STREAMS_OPENED_AT_ONCE).map((reader) => reader.open()),
      );
    }
  }

  /** Waits for the deliveries, then looks up what is on record and waits for that. */
  async #drain(deadline: number): Promise<void> {
    await this.#untilComplete(deadline);
    const sequences = await readLastSequences(this.#job.origin, this.#job.population);
    for (const [room, sequence] of sequences.entries()) this.#ledger.onRecord(room, sequence);
    await this.#untilComplete(deadline);
    // What comes twice comes soon after: a stream writes in order.
    await sleep(LOOK_MS);
  }

  async #untilComplete(deadline: number): Promise<void> {
    while (!this.#ledger.isComplete && performance.now() < deadline) await sleep(LOOK_MS);
  }

  #stored(message: number, room: number, { sequence }: MessageData): void {
    this.#ledger.acknowledged(room, sequence, message);
    this.#meter.stored(this.#spanOf(message), this.#isSteady(message));
  }

  #heard(user: number, { event }: MessageEvent): void {
    if (event.case !== 'message') return;
    const { roomId, sequence, senderMessageId } = event.value;
    const message = messageOf(this.#job.label, senderMessageId);
    // What a user of another run says is none of ours.
    if (message === undefined) return;
    const reception = this.#ledger.received(user, this.#roomIndexes.get(roomId) ?? -1, sequence, message);
    if (reception === 'first' || reception === 'reordered') this.#delivered(message);
  }

  #delivered(message: number): void {
    this.#meter.delivered(this.#spanOf(message), this.#isSteady(message));
  }

  #repair(user: number): void {
    this.#meter.resynced();
    this.#repairs.push(user);
    if (this.#repairing < SEQUENTIAL_REPAIRS) void this.#repairNext();
  }

  async #repairNext(): Promise<void> {
    const user = this.#repairs.shift();
    if (user === undefined) return;
    this.#repairing += 1;
    try {
      await this.#readHistories(user);
    } catch {
      // What stays missing counts as lost.
    } finally {
      this.#repairing -= 1;
    }
    await this.#repairNext();
  }

  async #readHistories(user: number): Promise<void> {
    const { population, label } = this.#job;
    const identity = population.users[user];
    for (const [room, { id, members }] of population.rooms.entries()) {
      if (identity === undefined || !members.includes(user)) continue;
      const from = this.#ledger.firstMissing(user, room);
      for await (const page of readHistory(this.#calls, identity, id, from)) {
        for (const { sequence, senderMessageId } of page) {
          const message = messageOf(label, senderMessageId);
          if (message !== undefined && this.#ledger.read(user, room, sequence)) this.#delivered(message);
        }
      }
    }
  }

  /** From when it was due: what a slow service, or this process, delays counts. */
  #spanOf(message: number): { from: number; to: number } {
    const from = performance.timeOrigin + this.#startedAt + this.#schedule.dueAt(message);
    return { from, to: performance.timeOrigin + performance.now() };
  }

  #isSteady(message: number): boolean {
    return this.#schedule.dueAt(message) >= this.#job.rampSeconds * 1_000;
  }

  #tick(): void {
    const at = (performance.now() - this.#startedAt) / 1_000;
    this.#report({ kind: 'tick', tick: this.#meter.tick(at, this.#phaseAt(at), this.#sender.inFlight) });
  }

  #phaseAt(seconds: number): Phase {
    const { rampSeconds, seconds: steady } = this.#job;
    if (seconds < rampSeconds) return 'ramp';
    return seconds < rampSeconds + steady ? 'steady' : 'drain';
  }
}
