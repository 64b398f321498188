/** How long closing waits for what may never come, in ms. */
const PATIENCE = 1000;

/** Waits for what may never come, but not for long. */
export async function patiently(promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE);
  });
  try {
    await Promise.race([promise, enough]);
  } finally {
    clearTimeout(timer);
  }
}
