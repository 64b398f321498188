import { type ErrorCode, NofaultError } from '../src/index';

/** Asserts that the call throws at once a NofaultError with this code, and returns the error. */
export function expectThrown(code: ErrorCode, call: () => unknown, message?: RegExp): NofaultError {
  let outcome: unknown;
  try {
    outcome = call();
  } catch (error) {
    return expectError(code, error, message);
  }
  // A promise that rejects later is no throw; without this its rejection would hide the failed expectation.
  if (outcome instanceof Object && 'catch' in outcome) (outcome as Promise<unknown>).catch(() => {});
  throw new Error(`expected the call to throw ${code} at once, but it returned`);
}

/** Asserts that the promise rejects with a NofaultError with this code, and returns the error. */
export async function expectRejected(code: ErrorCode, promise: Promise<unknown>, message?: RegExp): Promise<NofaultError> {
  let error: unknown;
  try {
    await promise;
  } catch (reason) {
    error = reason;
    return expectError(code, error, message);
  }
  throw new Error(`expected a rejection with ${code}, but the promise was fulfilled`);
}

function expectError(code: ErrorCode, error: unknown, message: RegExp | undefined): NofaultError {
  expect(error).toBeInstanceOf(NofaultError);
  const failure = error as NofaultError;
  expect({ code: failure.code, message: failure.message }).toEqual({ code, message: failure.message });
  if (message) expect(failure.message).toMatch(message);
  return failure;
}
