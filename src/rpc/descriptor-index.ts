import type {
  DescEnum,
  DescExtension,
  DescField,
  DescFile,
  DescMessage,
  DescOneof,
  DescService,
} from '@bufbuild/protobuf';

/** Where things of the API are declared: whatever the services need, and nothing else. */
export interface DescriptorIndex {
  /** Full names, in the order in which they were given. */
  readonly services: readonly string[];
  /** By the name that other files import it by. */
  file(name: string): DescFile | undefined;
  /**
   * The file that declares a full name: a service, method, message, field, oneof, enum, enum value or extension.
   * A value of an enum is a sibling of the enum, as in C++: `package.VALUE`.
   */
  fileOfSymbol(name: string): DescFile | undefined;
  /** The file that declares the extension of a message with that number. */
  fileOfExtension(message: string, number: number): DescFile | undefined;
  /** Numbers of the extensions of a message, ascending; undefined when there is no such message. */
  extensionNumbers(message: string): readonly number[] | undefined;
}

/** Indexes the files of the services and everything that those import. */
export function indexDescriptors(services: readonly DescService[]): DescriptorIndex {
  const files = new Map<string, DescFile>();
  for (const { file } of services) for (const each of importedFiles(file)) files.set(each.proto.name, each);
  const symbols = new Map<string, DescFile>();
  const messages = new Set<string>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of files.values()) {
    for (const declared of declarationsOf(file)) {
      symbols.set(fullName(declared), file);
      if (declared.kind === 'message') messages.add(declared.typeName);
      if (declared.kind !== 'extension') continue;
      const { typeName } = declared.extendee;
      const known = extensions.get(typeName) ?? new Map<number, DescFile>();
      extensions.set(typeName, known.set(declared.number, file));
    }
  }
  return {
    services: services.map(({ typeName }) => typeName),
    file: (name) => files.get(name),
    fileOfSymbol: (name) => symbols.get(name),
    fileOfExtension: (message, number) => extensions.get(message)?.get(number),
    extensionNumbers: (message) =>
      messages.has(message)
        ? [...(extensions.get(message)?.keys() ?? [])].sort((one, other) => one - other)
        : undefined,
  };
}

/** The file and all that it imports, itself first, each once. */
export function importedFiles(file: DescFile): readonly DescFile[] {
  const found = new Set([file]);
  // A set hands out what is added while it is read.
  for (const each of found) for (const dependency of each.dependencies) found.add(dependency);
  return [...found];
}

type Method = DescService['methods'][number];
type EnumValue = DescEnum['values'][number];
type Declaration =
  | DescMessage
  | DescField
  | DescOneof
  | DescEnum
  | EnumValue
  | DescExtension
  | DescService
  | Method;

function* declarationsOf(file: DescFile): Generator<Declaration> {
  for (const message of file.messages) yield* declarationsOfMessage(message);
  for (const each of file.enums) yield* [each, ...each.values];
  yield* file.extensions;
  for (const service of file.services) yield* [service, ...service.methods];
}

function* declarationsOfMessage(message: DescMessage): Generator<Declaration> {
  yield* [message, ...message.fields, ...message.oneofs, ...message.nestedExtensions];
  for (const each of message.nestedEnums) yield* [each, ...each.values];
  for (const nested of message.nestedMessages) yield* declarationsOfMessage(nested);
}

function fullName(declared: Declaration): string {
  switch (declared.kind) {
    case 'message':
    case 'enum':
    case 'service':
    case 'extension':
      return declared.typeName;
    case 'enum_value': {
      const scope = declared.parent.parent?.typeName ?? declared.parent.file.proto.package;
      return scope === '' ? declared.name : `${scope}.${declared.name}`;
    }
    default:
      return `${declared.parent.typeName}.${declared.name}`;
  }
}
