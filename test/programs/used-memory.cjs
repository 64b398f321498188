// Bytes of the heap, and of memory outside of it, that are in use once all garbage has been collected. Needs --expose-gc.
async function usedMemory() {
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

module.exports = { usedMemory };
