const { NofaultError, open } = require('nofault');

open(__filename).then(
  () => console.log(JSON.stringify({ opened: true })),
  (error) => console.log(JSON.stringify({ opened: false, code: error.code, own: error instanceof NofaultError, message: error.message })),
);
