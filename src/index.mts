// The same objects for `import` as for `require`: one addon, one NofaultError, whichever way a program came in.
export * from './index.js';
