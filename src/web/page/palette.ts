/** Colours of what is drawn, from the style sheet: it knows light and dark. */
export interface Palette {
  readonly resident: string;
  readonly track: string;
  readonly hatch: string;
  readonly came: string;
  readonly left: string;
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly paper: string;
}

let palette: Palette | undefined;
const listeners = new Set<() => void>();

export function colours(): Palette {
  palette ??= read();
  return palette;
}

/** Calls back when light becomes dark, or anything else makes drawings wrong. */
export function onNewColours(listener: () => void): void {
  listeners.add(listener);
}

function read(): Palette {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    resident: colour('resident'),
    track: colour('track'),
    hatch: colour('hatch'),
    came: colour('came'),
    left: colour('left'),
    text: colour('text'),
    faint: colour('faint'),
    line: colour('line'),
    paper: colour('paper'),
  };
}

for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)', '(prefers-reduced-motion: reduce)']) {
  matchMedia(query).addEventListener('change', () => {
    palette = undefined;
    for (const listener of listeners) listener();
  });
}
