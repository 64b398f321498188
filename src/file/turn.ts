let turn = 1;
let armed = false;

/**
 * The number of this turn of the event loop: from when it is first asked for until the loop has run what is ready now. A verdict that stands for a turn is
 * remembered with it. Never 0.
 */
export function thisTurn(): number {
  if (!armed) {
    armed = true;
    // A pending immediate also keeps the loop from sleeping, so that a turn never includes a wait for events.
    setImmediate(next);
  }
  return turn;
}

function next(): void {
  armed = false;
  turn = turn === 0x7fffffff ? 1 : turn + 1;
}
