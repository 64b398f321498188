/** Tests that stand on something which not every machine has: the same tests, or skipped ones that say the reason. */
export interface ConditionalTests {
  test(name: string, body: jest.ProvidesCallback, timeout?: number): void;
  describe(name: string, body: () => void): void;
  /** The same test for each of these. */
  each<T>(cases: readonly T[], name: (one: T) => string, body: (one: T) => Promise<void> | void): void;
}

/** For a reason why this machine cannot run them (as `slowFolderLacks()` returns it), or undefined where it can. */
export function when(lacking: string | undefined): ConditionalTests {
  const named = (name: string): string => (lacking === undefined ? name : `${name} [skipped: ${lacking}]`);
  const one = lacking === undefined ? test : test.skip;
  const many = lacking === undefined ? describe : describe.skip;
  return {
    test: (name, body, timeout) => one(named(name), body, timeout),
    describe: (name, body) => many(named(name), body),
    each: (cases, name, body) => {
      for (const each of cases) one(named(name(each)), async () => body(each));
    },
  };
}
