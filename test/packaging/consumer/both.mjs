// What `import` and `require` of the package have in common: the names, and the objects behind them.
import { createRequire } from 'node:module';
import * as imported from 'nofault';

const required = createRequire(import.meta.url)('nofault');
const values = new Map(Object.entries(imported));
const error = await imported.open('/nonexistent/file').catch((reason) => reason);
console.log(
  JSON.stringify({
    required: Object.keys(required).sort(),
    // What Node adds by itself where a CommonJS module is imported.
    imported: Object.keys(imported)
      .filter((name) => !['default', '__esModule', 'module.exports'].includes(name))
      .sort(),
    identical: Object.entries(required).every(([name, value]) => values.get(name) === value),
    caught: error instanceof required.NofaultError && error instanceof imported.NofaultError,
  }),
);
