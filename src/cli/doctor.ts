import { parseArgs } from 'node:util';
import { type ExaminedConfig, examineConfig } from '../config.ts';
import { runCommand } from './command.ts';
import { DOCTOR } from './commands/service.ts';
import { type Finding, render, toJson, worst } from './doctor/finding.ts';
import { dataFindings, machineFindings } from './doctor/machine.ts';
import { natsProbe } from './doctor/nats.ts';
import { redisProbe, scyllaProbe, serviceProbes } from './doctor/others.ts';
import { postgresProbe } from './doctor/postgres.ts';
import { type Probe, within } from './doctor/probe.ts';
import { settingFindings } from './doctor/settings.ts';
import { usageOf } from './help.ts';

/** Examines everything that the service would stand on, and says what to do. Only reads. */
export async function runDoctor(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(DOCTOR), async () => {
    const { values } = parseArgs({ args: [...argv], options: DOCTOR.options });
    const findings = await examine(examineConfig(env, values['config-file']));
    console.log(values.json === true ? toJson(findings) : render(findings, process.stdout.isTTY));
    return worst(findings) === 'fail' ? 1 : 0;
  });
}

/** Settings, this machine, and every dependency that is configured, all at once. */
async function examine(examined: ExaminedConfig): Promise<Finding[]> {
  const { config } = examined;
  const found = await Promise.all([
    machineFindings(config),
    dataFindings(config),
    ...probesFor(examined).map(async (probe) => await within(probe)),
  ]);
  return [...settingFindings(examined), ...found.flat()];
}

/** A wrong setting counts as not set, and would ask in the wrong place: then nobody is asked. */
function probesFor({ config, problems }: ExaminedConfig): Probe[] {
  const wrong = problems.flatMap(({ name }) => name.split(', '));
  const isRight = (prefix: RegExp): boolean => !wrong.some((name) => prefix.test(name));
  const { database, nats, redis, scylla } = config;
  return [
    ...(database.url !== undefined && isRight(/^(DATABASE_URL|POSTGRES_)/)
      ? [postgresProbe(database.url, config)]
      : []),
    ...(nats !== undefined && isRight(/^NATS_/) ? [natsProbe(nats)] : []),
    ...(redis !== undefined && isRight(/^REDIS_/) ? [redisProbe(redis)] : []),
    ...(scylla.roles !== undefined && isRight(/^(SCYLLA|CASSANDRA)_/) ? [scyllaProbe(config)] : []),
    ...serviceProbes(config),
  ];
}
