/** One instruction of a Dockerfile. */
export interface Instruction {
  /** In upper case. */
  readonly name: string;
  /** `--from=build` and the like, without the dashes. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows the flags, in one line. */
  readonly text: string;
  /** The text as words, or as the JSON list that it is. */
  readonly words: readonly string[];
}

/** What is between one FROM and the next. */
export interface Stage {
  /** The image that it starts from. */
  readonly from: string;
  /** What others call it; empty for nothing. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/**
 * The stages of a Dockerfile; the last one is the image. Knows what a plain Dockerfile has: comments, continued lines, flags, lists in
 * JSON. Throws for what stands before the first FROM, which it would otherwise leave out.
 */
export function parseDockerfile(text: string): Stage[] {
  const stages: { from: string; name: string; instructions: Instruction[] }[] = [];
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const logical = lines.join('\n').replace(/\\\n/g, ' ').split('\n');
  for (const line of logical.map((each) => each.trim()).filter((each) => each !== '')) {
    const instruction = parseInstruction(line);
    if (instruction.name === 'FROM') {
      const [from = '', as = '', name = ''] = instruction.words;
      stages.push({ from, name: as.toUpperCase() === 'AS' ? name : '', instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`${instruction.name} before FROM`);
      stage.instructions.push(instruction);
    }
  }
  return stages;
}

/** The value of the last instruction of that name, which is the one that counts. */
export function lastOf(stage: Stage, name: string): Instruction | undefined {
  return stage.instructions.findLast((instruction) => instruction.name === name);
}

/** `KEY=value` pairs of all ENV or LABEL instructions, without quotes. */
export function pairsOf(stage: Stage, name: 'ENV' | 'LABEL'): Record<string, string> {
  const pairs = stage.instructions
    .filter((instruction) => instruction.name === name)
    .flatMap(({ text }) => [...text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))/g)])
    .map(([, key = '', quoted, plain = '']) => [key, quoted ?? plain]);
  return Object.fromEntries(pairs);
}

function parseInstruction(line: string): Instruction {
  const [, name = '', rest = ''] = /^(\w+)\s*(.*)$/s.exec(line) ?? [];
  const flags: Record<string, string> = {};
  let text = rest;
  for (;;) {
    const flag = /^--([\w-]+)(?:=(\S+))?\s+/.exec(text);
    if (flag === null) break;
    flags[flag[1] ?? ''] = flag[2] ?? '';
    text = text.slice(flag[0].length);
  }
  const list = text.replace(/^CMD\s+/, '');
  const words: string[] = list.startsWith('[') ? JSON.parse(list) : text.split(/\s+/);
  return { name: name.toUpperCase(), flags, text, words };
}
