/** Something on the screen; `paint` returns whether it has to be painted again in the next frame. */
export interface Painted {
  paint(time: number): boolean;
}

const dirty = new Set<Painted>();
let frame = 0;

/** Has it painted in the next frame, however often it is asked for. While nothing flashes no frame is asked for. */
export function repaint(painted: Painted): void {
  dirty.add(painted);
  if (frame === 0) frame = requestAnimationFrame(paintAll);
}

export function forget(painted: Painted): void {
  dirty.delete(painted);
}

function paintAll(): void {
  frame = 0;
  const all = [...dirty];
  dirty.clear();
  const time = performance.now();
  for (const painted of all) if (painted.paint(time)) repaint(painted);
}

const stillness = matchMedia('(prefers-reduced-motion: reduce)');

/** Whether nothing on the screen may flash. */
export function isStill(): boolean {
  return stillness.matches;
}
