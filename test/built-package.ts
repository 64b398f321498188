import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The compiled package, for programs and workers that run outside of the test runner and so cannot read TypeScript. */
export function builtPackage(): string {
  const path = join(__dirname, '..', 'dist', 'index.js');
  if (!existsSync(path)) throw new Error(`${path} is missing: run the tests with "npm test", which builds it first`);
  return path;
}
