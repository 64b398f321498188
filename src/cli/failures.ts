/** What went wrong with a file, with its name exactly as it was given: the library knows only what of its bytes is text. */
export function messageOf(error: unknown, name: string): string {
  if (!(error instanceof Error)) return `${name}: ${String(error)}`;
  const { path } = error as { path?: string };
  const message = path === undefined ? error.message : error.message.replace(path, () => name);
  return message.includes(name) ? message : `${name}: ${message}`;
}

/** The same for programs, as docs/cli.md describes it; what is undefined is absent in JSON. */
export function failureOf(error: unknown, name: string): { code: unknown; errno: unknown; syscall: unknown; message: string } {
  const { code, errno, syscall } = error as { code?: unknown; errno?: unknown; syscall?: unknown };
  return { code, errno, syscall, message: messageOf(error, name) };
}
