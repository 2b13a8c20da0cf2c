import { parseArgs } from 'node:util';
import { unknownFileKeys } from '../config/sources.ts';
import { type ExaminedConfig, examineConfig } from '../config.ts';
import { takeAction } from './arguments.ts';
import { EXIT, runCommand, UsageError } from './command.ts';
import { CONFIG } from './commands/service.ts';
import { effectiveSettings, problemText } from './doctor/settings.ts';
import { usageOf } from './help.ts';
import { columns, json } from './output.ts';

const HIDDEN = '***';

/** Checks the settings (1 when anything is wrong), or prints them; never a secret. Starts nothing and asks nobody. */
export async function runConfig(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runCommand(usageOf(CONFIG), async () => {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: CONFIG.options,
    });
    const { action, rest } = takeAction(CONFIG.actions, positionals);
    if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" makes no sense after ${action}`);
    const { json: isJson = false, sources = false, 'config-file': file } = values;
    const examined = examineConfig(env, file);
    if (action === 'print') {
      console.log(print(examined, sources, isJson));
      return EXIT.ok;
    }
    return check(examined, unknownFileKeys(file ?? (env.CONFIG_FILE || undefined)), isJson);
  });
}

function check(
  { problems, warnings }: ExaminedConfig,
  unknown: readonly { readonly name: string; readonly text: string }[],
  isJson: boolean,
): number {
  const errors = [
    ...problems.map((problem) => ({
      name: problem.name,
      text: `${problemText(problem)}; allowed: ${problem.allowed}`,
    })),
    ...unknown,
  ];
  if (isJson) console.log(json({ errors, warnings }));
  else {
    for (const { name, text } of errors) console.error(`✗ ${name}: ${text}`);
    for (const text of warnings) console.error(`! ${text}`);
    const count = `${errors.length} ${errors.length === 1 ? 'error' : 'errors'}`;
    console.log(errors.length === 0 ? 'the settings are valid' : count);
  }
  return errors.length === 0 ? EXIT.ok : EXIT.failed;
}

function print(examined: ExaminedConfig, withSources: boolean, isJson: boolean): string {
  const settings = effectiveSettings(examined).map(({ name, value, source, isHidden }) => ({
    name,
    value: isHidden ? HIDDEN : (value ?? null),
    source,
  }));
  if (isJson)
    return json(withSources ? settings : Object.fromEntries(settings.map((s) => [s.name, s.value])));
  return columns(
    settings.map(({ name, value, source }) => [name, value ?? '–', ...(withSources ? [source] : [])]),
  );
}
