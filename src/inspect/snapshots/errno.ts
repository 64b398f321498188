/** Node's errors carry errnos that are negative; everything here has them as in errno(3). */
export function withPositiveErrno(error: unknown): unknown {
  const { errno } = error as NodeJS.ErrnoException;
  return errno === undefined ? error : Object.assign(error as object, { errno: Math.abs(errno) });
}
